/// <reference path="./stories/types.d.ts" />
// What the server answers, as far as the page reads it. docs/api.md and the OpenAPI document have it whole.

interface Warning {
  code?: string;
  message: string;
}

interface Optimization {
  complexity_score: number;
  complexity: string;
  factors: { name: string; score: number; found: string[] }[];
  tier: string;
  asked_tier: string;
  steps: number;
  budget: number;
  sampler: string;
  guidance: number;
  flow_shift: number | null;
  evaluations: number;
  fixed_default_steps: number;
  steps_saved_share: number;
  estimated_seconds: number;
  estimated_cost: number;
  written_prompt: string | null;
  style: string | null;
  enhanced: boolean;
  reasons: string[];
  understood: { known: { text: string; meaning: string }[]; unknown: string[] } | null;
}

interface Analysis extends Optimization {
  seed_text: string;
  size: string;
  seconds: number;
  model: string;
  warnings: Warning[];
}

interface Video {
  id: string;
  model: string;
  prompt: string;
  status: "queued" | "in_progress" | "completed" | "failed";
  phase: string;
  progress: number;
  created_at: number;
  size: string;
  seconds: string;
  fps: number;
  num_frames: number;
  seed: number;
  seed_text: string;
  step: number;
  total_steps: number;
  eta_s: number | null;
  queue_position: number | null;
  queue_reason: string | null;
  error: { code: string; message: string } | null;
  cache: { kind: string; hit: boolean; note: string | null } | null;
  optimization: Optimization;
  inference_time_s: number;
  device_seconds: number;
  cost: number;
  energy_wh: number;
  priority: string;
  warnings: Warning[];
  /** What was played before the video was made, where one was asked for. */
  draft?: { url?: string | null; after_s?: number | null; verdict?: string; from_step?: number; steps_saved?: number } | null;
  favourite?: boolean;
  tags?: string[];
  rating?: number | null;
  /** When this page heard of it last, by performance.now(). */
  heard?: number;
}

interface Stage {
  name: string;
  offset_s: number;
  duration_s: number | null;
}

interface Report {
  total_s: number | null;
  step: number;
  total_steps: number;
  bottleneck: { sentence: string } | null;
  stages: Stage[];
  waits: { cause: string; offset_s: number; duration_s: number | null; why: string; attempt: number | null; step?: number | null }[];
  attempts: { number: number; resumed_from_step: number | null; batches: { steps: number; batch: number; packed?: { job: string | null }[] | null }[] }[];
}

interface GivenInput {
  role: string;
  kind: string;
  frame: number | null;
  strength: number;
  path: string;
}

interface ModelInput {
  role: string;
  kinds: string[];
  most: number;
  takes_frame: boolean;
  frame_step: number;
  takes_strength: boolean;
}

interface Model {
  id: string;
  default: boolean;
  sizes: string[];
  default_frames: number;
  default_fps: number;
  max_seconds: number;
  takes_image: boolean;
  inputs: ModelInput[];
  drafts?: boolean;
  ready: boolean;
}

interface Style {
  id: string;
  name: string;
  description: string;
  owner: string;
}


interface ControlledJob {
  id: string;
  tenant: string;
  model: string;
  pool: string;
  tier: string;
  priority: string;
  phase: string;
  step: number;
  total_steps: number;
  waited_s: number;
  position: number | null;
  eta_s: number | null;
  reason: string | null;
  replica: string | null;
}

interface ControlledJobs {
  waiting: ControlledJob[];
  running: ControlledJob[];
  waiting_total: number;
  running_total: number;
}

interface ControlReplica {
  replica: string;
  pool: string;
  model: string;
  slots: number;
  running: number;
  step_s: number;
  device: string;
  memory_bytes: number;
  host_memory: number;
  device_memory: number | null;
  pressure: string;
  leaving: boolean;
  silent_s: number;
  jobs?: string[];
}

interface ControlStats {
  scope: "all" | "own";
  tenant: { name: string };
  tenants: Record<string, { weight: number; waiting: number; running: number; share: number; limits: Record<string, any> }> | null;
  line: { pools?: Record<string, any> } | null;
  pools: Record<string, { state: string; error: string | null }>;
  replicas: ControlReplica[];
  cache_stats: { healthy: boolean; size_bytes: number; levels: Record<string, any> };
  links: Record<string, string>;
}

interface StatsHistory {
  window: string;
  every_s: number;
  at: number[];
  series: Record<string, (number | null)[]>;
}
