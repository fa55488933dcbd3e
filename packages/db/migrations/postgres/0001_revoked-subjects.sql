CREATE TABLE "revoked_subjects" (
	"subject" text PRIMARY KEY NOT NULL,
	"reason" text NOT NULL,
	"revoked_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE INDEX "revoked_subjects_by_expiry" ON "revoked_subjects" USING btree ("expires_at");