CREATE TABLE "room_events" (
	"room_id" text NOT NULL,
	"seq" bigint NOT NULL,
	"type" text NOT NULL,
	"data" text NOT NULL,
	"created_at" bigint NOT NULL,
	CONSTRAINT "room_events_room_id_seq_pk" PRIMARY KEY("room_id","seq")
);
--> statement-breakpoint
CREATE TABLE "webhook_cursors" (
	"endpoint_id" text NOT NULL,
	"room_id" text NOT NULL,
	"url" text NOT NULL,
	"events" text,
	"cursor" bigint NOT NULL,
	"head" bigint NOT NULL,
	"next_at" bigint,
	"attempts" bigint NOT NULL,
	"last_error" text NOT NULL,
	"lease_id" text NOT NULL,
	"lease_until" bigint NOT NULL,
	"updated_at" bigint NOT NULL,
	CONSTRAINT "webhook_cursors_endpoint_id_room_id_pk" PRIMARY KEY("endpoint_id","room_id")
);
--> statement-breakpoint
CREATE TABLE "webhook_dead_letters" (
	"id" text PRIMARY KEY NOT NULL,
	"endpoint_id" text NOT NULL,
	"room_id" text NOT NULL,
	"url" text NOT NULL,
	"seq" bigint NOT NULL,
	"type" text NOT NULL,
	"data" text NOT NULL,
	"created_at" bigint NOT NULL,
	"failed_at" bigint NOT NULL,
	"attempts" bigint NOT NULL,
	"last_error" text NOT NULL
);
--> statement-breakpoint
ALTER TABLE "rooms" ADD COLUMN "event_seq" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "room_events_by_age" ON "room_events" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "webhook_cursors_by_time" ON "webhook_cursors" USING btree ("next_at");--> statement-breakpoint
CREATE INDEX "webhook_cursors_by_room" ON "webhook_cursors" USING btree ("room_id");--> statement-breakpoint
CREATE INDEX "webhook_dead_letters_by_age" ON "webhook_dead_letters" USING btree ("failed_at");