"""Stories: several scenes, each an ordinary job, with narration and captions, put together as one film."""
