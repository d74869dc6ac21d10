CREATE TABLE "run_events" (
	"run_id" text NOT NULL,
	"seq" integer NOT NULL,
	"type" text NOT NULL,
	"data" json NOT NULL,
	CONSTRAINT "run_events_run_id_seq_pk" PRIMARY KEY("run_id","seq")
);
--> statement-breakpoint
CREATE TABLE "run_steps" (
	"run_id" text NOT NULL,
	"slice_id" text NOT NULL,
	"step_index" integer NOT NULL,
	"agent_id" text NOT NULL,
	"attempt" integer NOT NULL,
	"step" json NOT NULL,
	CONSTRAINT "run_steps_run_id_slice_id_step_index_pk" PRIMARY KEY("run_id","slice_id","step_index")
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"run_id" text PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"session_id" text NOT NULL,
	"sender_id" text NOT NULL,
	"model" text NOT NULL,
	"status" text NOT NULL,
	"attempt" integer NOT NULL,
	"crash_count" integer DEFAULT 0 NOT NULL,
	"lease_until" timestamp with time zone,
	"is_handed_back" boolean DEFAULT false NOT NULL,
	"last_seq" integer NOT NULL,
	"plan" json,
	"request" json,
	"allowed_agents" json,
	"data_bearer" text,
	"trace_id" text NOT NULL,
	"span_id" text NOT NULL,
	"deadline_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp with time zone,
	"usage" json,
	"slices" json,
	"error" json
);
--> statement-breakpoint
CREATE INDEX "runs_of_sender" ON "runs" USING btree ("tenant_id","sender_id","run_id");--> statement-breakpoint
CREATE INDEX "runs_by_lease" ON "runs" USING btree ("lease_until") WHERE status = 'running';