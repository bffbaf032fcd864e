// What the room of films reads of the server, and what it keeps itself.

interface FilmScene {
  number: number;
  title: string | null;
  prompt: string;
  seconds: number | null;
  narration: string | null;
  caption: string | null;
  has_image: boolean;
  inputs: { role: string }[];
  style: string | null;
  tier: string | null;
  seed: number | null;
  transition: string | null;
  fit: string | null;
  status: string;
  stage: string;
  step: number;
  steps: number;
  progress: number;
  eta_seconds: number | null;
  video_id: string | null;
  video_ids: string[];
  revision: number;
  cached: boolean;
  duration_seconds: number | null;
  starts_at_seconds: number | null;
  narration_seconds: number | null;
  device_seconds: number;
  cost: number;
  error: { code: string; message: string } | null;
  warnings: Warning[];
}

interface Film {
  id: string;
  status: "queued" | "in_progress" | "completed" | "failed";
  phase: string;
  title: string;
  created_at: number;
  revision: number;
  progress: number;
  eta_seconds: number | null;
  model: string | null;
  size: string | null;
  fps: number | null;
  seconds: string;
  fit: string;
  captions: string;
  transition: string;
  transition_seconds: number;
  scenes: FilmScene[];
  usage: { device_seconds: number; cost: number; generations: number; scenes_cached: number; saved_step_seconds: number; narrations_cached: number; assembly_seconds: number };
  cached: boolean;
  error: { code: string; message: string; scene: number | null } | null;
}

/** `kept`: the film on record has it; `upload`: sent, and not yet used. */
interface Picture {
  kept?: boolean;
  upload?: string;
  name: string;
}

interface DraftScene {
  key: string;
  from: number | null;
  title: string;
  prompt: string;
  narration: string;
  caption: string;
  seconds: string;
  style: string;
  tier: string;
  seed: string;
  transition: string;
  fit: string;
  picture: Picture | null;
  /** The pictures beside the one that it begins with, by role and place: "last-0". Drafts of before have none. */
  others?: Record<string, Picture>;
}

interface Draft {
  id: string;
  of: string | null;
  changed: number;
  sending: { key: string; body: object } | null;
  film: Record<string, any>;
  scenes: DraftScene[];
}

interface FilmPlan {
  model: string;
  size: string;
  fps: number;
  seconds: number;
  estimated_device_seconds: number;
  estimated_cost: number;
  scenes: { number: number; tier: string; seconds: number; narration_seconds: number | null; estimated_device_seconds: number; estimated_cost: number; warnings: Warning[] }[];
  warnings: Warning[];
}

interface VoiceEntry {
  id: string;
  language: string | null;
  name: string;
}
