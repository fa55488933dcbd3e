CREATE TABLE "idempotency_keys" (
	"scope" text NOT NULL,
	"key" text NOT NULL,
	"request_hash" text NOT NULL,
	"status" bigint NOT NULL,
	"answer" text NOT NULL,
	"created_at" bigint NOT NULL,
	CONSTRAINT "idempotency_keys_scope_key_pk" PRIMARY KEY("scope","key")
);
--> statement-breakpoint
CREATE TABLE "peer_events" (
	"room_id" text NOT NULL,
	"peer_id" bigint NOT NULL,
	"seq" bigint NOT NULL,
	"type" text NOT NULL,
	"target_kind" text NOT NULL,
	"target_id" text NOT NULL,
	"data" text NOT NULL,
	"coalesce_key" text,
	"created_at" bigint NOT NULL,
	CONSTRAINT "peer_events_room_id_peer_id_seq_pk" PRIMARY KEY("room_id","peer_id","seq")
);
--> statement-breakpoint
CREATE TABLE "peers" (
	"room_id" text NOT NULL,
	"id" bigint NOT NULL,
	"position" bigint NOT NULL,
	"record" text NOT NULL,
	"token_id" text NOT NULL,
	"token_subject" text NOT NULL,
	"token_expires_at" bigint NOT NULL,
	"joined_at" bigint NOT NULL,
	"closed_at" bigint,
	"last_seq" bigint NOT NULL,
	"log_floor" bigint NOT NULL,
	"last_seen_at" bigint NOT NULL,
	"reader_id" text NOT NULL,
	CONSTRAINT "peers_room_id_id_pk" PRIMARY KEY("room_id","id")
);
--> statement-breakpoint
CREATE TABLE "pods" (
	"id" text PRIMARY KEY NOT NULL,
	"epoch" bigint NOT NULL,
	"seq" bigint NOT NULL,
	"lease" text,
	"leased_at" bigint NOT NULL,
	"drain_told" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "receivers" (
	"room_id" text NOT NULL,
	"id" bigint NOT NULL,
	"position" bigint NOT NULL,
	"peer_id" bigint NOT NULL,
	"record" text NOT NULL,
	CONSTRAINT "receivers_room_id_id_pk" PRIMARY KEY("room_id","id")
);
--> statement-breakpoint
CREATE TABLE "revoked_tokens" (
	"id" text PRIMARY KEY NOT NULL,
	"reason" text NOT NULL,
	"expires_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "rooms" (
	"id" text PRIMARY KEY NOT NULL,
	"version" bigint NOT NULL,
	"media_version" bigint NOT NULL,
	"record" text NOT NULL,
	"next_position" bigint NOT NULL,
	"peer_count" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint,
	"closed_at" bigint
);
--> statement-breakpoint
CREATE TABLE "senders" (
	"room_id" text NOT NULL,
	"id" bigint NOT NULL,
	"position" bigint NOT NULL,
	"peer_id" bigint NOT NULL,
	"record" text NOT NULL,
	CONSTRAINT "senders_room_id_id_pk" PRIMARY KEY("room_id","id")
);
--> statement-breakpoint
CREATE TABLE "transports" (
	"room_id" text NOT NULL,
	"id" bigint NOT NULL,
	"position" bigint NOT NULL,
	"peer_id" bigint NOT NULL,
	"pod_id" text NOT NULL,
	"pod_epoch" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	"record" text NOT NULL,
	CONSTRAINT "transports_room_id_id_pk" PRIMARY KEY("room_id","id")
);
--> statement-breakpoint
CREATE INDEX "idempotency_keys_by_age" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "peer_events_by_key" ON "peer_events" USING btree ("room_id","peer_id","coalesce_key");--> statement-breakpoint
CREATE INDEX "peer_events_by_age" ON "peer_events" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "peers_by_presence" ON "peers" USING btree ("closed_at","last_seen_at");--> statement-breakpoint
CREATE INDEX "revoked_tokens_by_expiry" ON "revoked_tokens" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "rooms_by_expiry" ON "rooms" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "rooms_by_closing" ON "rooms" USING btree ("closed_at");--> statement-breakpoint
CREATE INDEX "rooms_by_creation" ON "rooms" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "transports_by_pod" ON "transports" USING btree ("pod_id","created_at");