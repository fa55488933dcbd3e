// Made by scripts/migrations.ts; do not edit.
import type { Migration } from './migrate.ts';

export const migrations: Record<'sqlite' | 'postgres', readonly Migration[]> = {
  "sqlite": [
    {
      "tag": "0000_start",
      "statements": [
        "CREATE TABLE `idempotency_keys` (\n\t`scope` text NOT NULL,\n\t`key` text NOT NULL,\n\t`request_hash` text NOT NULL,\n\t`status` integer NOT NULL,\n\t`answer` text NOT NULL,\n\t`created_at` integer NOT NULL,\n\tPRIMARY KEY(`scope`, `key`)\n);",
        "CREATE INDEX `idempotency_keys_by_age` ON `idempotency_keys` (`created_at`);",
        "CREATE TABLE `peer_events` (\n\t`room_id` text NOT NULL,\n\t`peer_id` integer NOT NULL,\n\t`seq` integer NOT NULL,\n\t`type` text NOT NULL,\n\t`target_kind` text NOT NULL,\n\t`target_id` text NOT NULL,\n\t`data` text NOT NULL,\n\t`coalesce_key` text,\n\t`created_at` integer NOT NULL,\n\tPRIMARY KEY(`room_id`, `peer_id`, `seq`)\n);",
        "CREATE UNIQUE INDEX `peer_events_by_key` ON `peer_events` (`room_id`,`peer_id`,`coalesce_key`);",
        "CREATE INDEX `peer_events_by_age` ON `peer_events` (`created_at`);",
        "CREATE TABLE `peers` (\n\t`room_id` text NOT NULL,\n\t`id` integer NOT NULL,\n\t`position` integer NOT NULL,\n\t`record` text NOT NULL,\n\t`token_id` text NOT NULL,\n\t`token_subject` text NOT NULL,\n\t`token_expires_at` integer NOT NULL,\n\t`joined_at` integer NOT NULL,\n\t`closed_at` integer,\n\t`last_seq` integer NOT NULL,\n\t`log_floor` integer NOT NULL,\n\t`last_seen_at` integer NOT NULL,\n\t`reader_id` text NOT NULL,\n\tPRIMARY KEY(`room_id`, `id`)\n);",
        "CREATE INDEX `peers_by_presence` ON `peers` (`closed_at`,`last_seen_at`);",
        "CREATE TABLE `pods` (\n\t`id` text PRIMARY KEY NOT NULL,\n\t`epoch` integer NOT NULL,\n\t`seq` integer NOT NULL,\n\t`lease` text,\n\t`leased_at` integer NOT NULL,\n\t`drain_told` integer NOT NULL\n);",
        "CREATE TABLE `receivers` (\n\t`room_id` text NOT NULL,\n\t`id` integer NOT NULL,\n\t`position` integer NOT NULL,\n\t`peer_id` integer NOT NULL,\n\t`record` text NOT NULL,\n\tPRIMARY KEY(`room_id`, `id`)\n);",
        "CREATE TABLE `revoked_tokens` (\n\t`id` text PRIMARY KEY NOT NULL,\n\t`reason` text NOT NULL,\n\t`expires_at` integer NOT NULL\n);",
        "CREATE INDEX `revoked_tokens_by_expiry` ON `revoked_tokens` (`expires_at`);",
        "CREATE TABLE `rooms` (\n\t`id` text PRIMARY KEY NOT NULL,\n\t`version` integer NOT NULL,\n\t`media_version` integer NOT NULL,\n\t`record` text NOT NULL,\n\t`next_position` integer NOT NULL,\n\t`peer_count` integer NOT NULL,\n\t`created_at` integer NOT NULL,\n\t`expires_at` integer,\n\t`closed_at` integer\n);",
        "CREATE INDEX `rooms_by_expiry` ON `rooms` (`expires_at`);",
        "CREATE INDEX `rooms_by_closing` ON `rooms` (`closed_at`);",
        "CREATE INDEX `rooms_by_creation` ON `rooms` (`created_at`,`id`);",
        "CREATE TABLE `senders` (\n\t`room_id` text NOT NULL,\n\t`id` integer NOT NULL,\n\t`position` integer NOT NULL,\n\t`peer_id` integer NOT NULL,\n\t`record` text NOT NULL,\n\tPRIMARY KEY(`room_id`, `id`)\n);",
        "CREATE TABLE `transports` (\n\t`room_id` text NOT NULL,\n\t`id` integer NOT NULL,\n\t`position` integer NOT NULL,\n\t`peer_id` integer NOT NULL,\n\t`pod_id` text NOT NULL,\n\t`pod_epoch` integer NOT NULL,\n\t`created_at` integer NOT NULL,\n\t`record` text NOT NULL,\n\tPRIMARY KEY(`room_id`, `id`)\n);",
        "CREATE INDEX `transports_by_pod` ON `transports` (`pod_id`,`created_at`);"
      ]
    },
    {
      "tag": "0001_revoked-subjects",
      "statements": [
        "CREATE TABLE `revoked_subjects` (\n\t`subject` text PRIMARY KEY NOT NULL,\n\t`reason` text NOT NULL,\n\t`revoked_at` integer NOT NULL,\n\t`expires_at` integer NOT NULL\n);",
        "CREATE INDEX `revoked_subjects_by_expiry` ON `revoked_subjects` (`expires_at`);"
      ]
    },
    {
      "tag": "0002_webhooks",
      "statements": [
        "CREATE TABLE `room_events` (\n\t`room_id` text NOT NULL,\n\t`seq` integer NOT NULL,\n\t`type` text NOT NULL,\n\t`data` text NOT NULL,\n\t`created_at` integer NOT NULL,\n\tPRIMARY KEY(`room_id`, `seq`)\n);",
        "CREATE INDEX `room_events_by_age` ON `room_events` (`created_at`);",
        "CREATE TABLE `webhook_cursors` (\n\t`endpoint_id` text NOT NULL,\n\t`room_id` text NOT NULL,\n\t`url` text NOT NULL,\n\t`events` text,\n\t`cursor` integer NOT NULL,\n\t`head` integer NOT NULL,\n\t`next_at` integer,\n\t`attempts` integer NOT NULL,\n\t`last_error` text NOT NULL,\n\t`lease_id` text NOT NULL,\n\t`lease_until` integer NOT NULL,\n\t`updated_at` integer NOT NULL,\n\tPRIMARY KEY(`endpoint_id`, `room_id`)\n);",
        "CREATE INDEX `webhook_cursors_by_time` ON `webhook_cursors` (`next_at`);",
        "CREATE INDEX `webhook_cursors_by_room` ON `webhook_cursors` (`room_id`);",
        "CREATE TABLE `webhook_dead_letters` (\n\t`id` text PRIMARY KEY NOT NULL,\n\t`endpoint_id` text NOT NULL,\n\t`room_id` text NOT NULL,\n\t`url` text NOT NULL,\n\t`seq` integer NOT NULL,\n\t`type` text NOT NULL,\n\t`data` text NOT NULL,\n\t`created_at` integer NOT NULL,\n\t`failed_at` integer NOT NULL,\n\t`attempts` integer NOT NULL,\n\t`last_error` text NOT NULL\n);",
        "CREATE INDEX `webhook_dead_letters_by_age` ON `webhook_dead_letters` (`failed_at`);",
        "ALTER TABLE `rooms` ADD `event_seq` integer DEFAULT 0 NOT NULL;"
      ]
    },
    {
      "tag": "0003_unreachable-pods",
      "statements": [
        "ALTER TABLE `pods` ADD `unreachable_until` integer DEFAULT 0 NOT NULL;"
      ]
    },
    {
      "tag": "0004_webhook-origins",
      "statements": [
        "ALTER TABLE `webhook_cursors` ADD `origin` text DEFAULT '' NOT NULL;"
      ]
    }
  ],
  "postgres": [
    {
      "tag": "0000_start",
      "statements": [
        "CREATE TABLE \"idempotency_keys\" (\n\t\"scope\" text NOT NULL,\n\t\"key\" text NOT NULL,\n\t\"request_hash\" text NOT NULL,\n\t\"status\" bigint NOT NULL,\n\t\"answer\" text NOT NULL,\n\t\"created_at\" bigint NOT NULL,\n\tCONSTRAINT \"idempotency_keys_scope_key_pk\" PRIMARY KEY(\"scope\",\"key\")\n);",
        "CREATE TABLE \"peer_events\" (\n\t\"room_id\" text NOT NULL,\n\t\"peer_id\" bigint NOT NULL,\n\t\"seq\" bigint NOT NULL,\n\t\"type\" text NOT NULL,\n\t\"target_kind\" text NOT NULL,\n\t\"target_id\" text NOT NULL,\n\t\"data\" text NOT NULL,\n\t\"coalesce_key\" text,\n\t\"created_at\" bigint NOT NULL,\n\tCONSTRAINT \"peer_events_room_id_peer_id_seq_pk\" PRIMARY KEY(\"room_id\",\"peer_id\",\"seq\")\n);",
        "CREATE TABLE \"peers\" (\n\t\"room_id\" text NOT NULL,\n\t\"id\" bigint NOT NULL,\n\t\"position\" bigint NOT NULL,\n\t\"record\" text NOT NULL,\n\t\"token_id\" text NOT NULL,\n\t\"token_subject\" text NOT NULL,\n\t\"token_expires_at\" bigint NOT NULL,\n\t\"joined_at\" bigint NOT NULL,\n\t\"closed_at\" bigint,\n\t\"last_seq\" bigint NOT NULL,\n\t\"log_floor\" bigint NOT NULL,\n\t\"last_seen_at\" bigint NOT NULL,\n\t\"reader_id\" text NOT NULL,\n\tCONSTRAINT \"peers_room_id_id_pk\" PRIMARY KEY(\"room_id\",\"id\")\n);",
        "CREATE TABLE \"pods\" (\n\t\"id\" text PRIMARY KEY NOT NULL,\n\t\"epoch\" bigint NOT NULL,\n\t\"seq\" bigint NOT NULL,\n\t\"lease\" text,\n\t\"leased_at\" bigint NOT NULL,\n\t\"drain_told\" bigint NOT NULL\n);",
        "CREATE TABLE \"receivers\" (\n\t\"room_id\" text NOT NULL,\n\t\"id\" bigint NOT NULL,\n\t\"position\" bigint NOT NULL,\n\t\"peer_id\" bigint NOT NULL,\n\t\"record\" text NOT NULL,\n\tCONSTRAINT \"receivers_room_id_id_pk\" PRIMARY KEY(\"room_id\",\"id\")\n);",
        "CREATE TABLE \"revoked_tokens\" (\n\t\"id\" text PRIMARY KEY NOT NULL,\n\t\"reason\" text NOT NULL,\n\t\"expires_at\" bigint NOT NULL\n);",
        "CREATE TABLE \"rooms\" (\n\t\"id\" text PRIMARY KEY NOT NULL,\n\t\"version\" bigint NOT NULL,\n\t\"media_version\" bigint NOT NULL,\n\t\"record\" text NOT NULL,\n\t\"next_position\" bigint NOT NULL,\n\t\"peer_count\" bigint NOT NULL,\n\t\"created_at\" bigint NOT NULL,\n\t\"expires_at\" bigint,\n\t\"closed_at\" bigint\n);",
        "CREATE TABLE \"senders\" (\n\t\"room_id\" text NOT NULL,\n\t\"id\" bigint NOT NULL,\n\t\"position\" bigint NOT NULL,\n\t\"peer_id\" bigint NOT NULL,\n\t\"record\" text NOT NULL,\n\tCONSTRAINT \"senders_room_id_id_pk\" PRIMARY KEY(\"room_id\",\"id\")\n);",
        "CREATE TABLE \"transports\" (\n\t\"room_id\" text NOT NULL,\n\t\"id\" bigint NOT NULL,\n\t\"position\" bigint NOT NULL,\n\t\"peer_id\" bigint NOT NULL,\n\t\"pod_id\" text NOT NULL,\n\t\"pod_epoch\" bigint NOT NULL,\n\t\"created_at\" bigint NOT NULL,\n\t\"record\" text NOT NULL,\n\tCONSTRAINT \"transports_room_id_id_pk\" PRIMARY KEY(\"room_id\",\"id\")\n);",
        "CREATE INDEX \"idempotency_keys_by_age\" ON \"idempotency_keys\" USING btree (\"created_at\");",
        "CREATE UNIQUE INDEX \"peer_events_by_key\" ON \"peer_events\" USING btree (\"room_id\",\"peer_id\",\"coalesce_key\");",
        "CREATE INDEX \"peer_events_by_age\" ON \"peer_events\" USING btree (\"created_at\");",
        "CREATE INDEX \"peers_by_presence\" ON \"peers\" USING btree (\"closed_at\",\"last_seen_at\");",
        "CREATE INDEX \"revoked_tokens_by_expiry\" ON \"revoked_tokens\" USING btree (\"expires_at\");",
        "CREATE INDEX \"rooms_by_expiry\" ON \"rooms\" USING btree (\"expires_at\");",
        "CREATE INDEX \"rooms_by_closing\" ON \"rooms\" USING btree (\"closed_at\");",
        "CREATE INDEX \"rooms_by_creation\" ON \"rooms\" USING btree (\"created_at\",\"id\");",
        "CREATE INDEX \"transports_by_pod\" ON \"transports\" USING btree (\"pod_id\",\"created_at\");"
      ]
    },
    {
      "tag": "0001_revoked-subjects",
      "statements": [
        "CREATE TABLE \"revoked_subjects\" (\n\t\"subject\" text PRIMARY KEY NOT NULL,\n\t\"reason\" text NOT NULL,\n\t\"revoked_at\" bigint NOT NULL,\n\t\"expires_at\" bigint NOT NULL\n);",
        "CREATE INDEX \"revoked_subjects_by_expiry\" ON \"revoked_subjects\" USING btree (\"expires_at\");"
      ]
    },
    {
      "tag": "0002_webhooks",
      "statements": [
        "CREATE TABLE \"room_events\" (\n\t\"room_id\" text NOT NULL,\n\t\"seq\" bigint NOT NULL,\n\t\"type\" text NOT NULL,\n\t\"data\" text NOT NULL,\n\t\"created_at\" bigint NOT NULL,\n\tCONSTRAINT \"room_events_room_id_seq_pk\" PRIMARY KEY(\"room_id\",\"seq\")\n);",
        "CREATE TABLE \"webhook_cursors\" (\n\t\"endpoint_id\" text NOT NULL,\n\t\"room_id\" text NOT NULL,\n\t\"url\" text NOT NULL,\n\t\"events\" text,\n\t\"cursor\" bigint NOT NULL,\n\t\"head\" bigint NOT NULL,\n\t\"next_at\" bigint,\n\t\"attempts\" bigint NOT NULL,\n\t\"last_error\" text NOT NULL,\n\t\"lease_id\" text NOT NULL,\n\t\"lease_until\" bigint NOT NULL,\n\t\"updated_at\" bigint NOT NULL,\n\tCONSTRAINT \"webhook_cursors_endpoint_id_room_id_pk\" PRIMARY KEY(\"endpoint_id\",\"room_id\")\n);",
        "CREATE TABLE \"webhook_dead_letters\" (\n\t\"id\" text PRIMARY KEY NOT NULL,\n\t\"endpoint_id\" text NOT NULL,\n\t\"room_id\" text NOT NULL,\n\t\"url\" text NOT NULL,\n\t\"seq\" bigint NOT NULL,\n\t\"type\" text NOT NULL,\n\t\"data\" text NOT NULL,\n\t\"created_at\" bigint NOT NULL,\n\t\"failed_at\" bigint NOT NULL,\n\t\"attempts\" bigint NOT NULL,\n\t\"last_error\" text NOT NULL\n);",
        "ALTER TABLE \"rooms\" ADD COLUMN \"event_seq\" bigint DEFAULT 0 NOT NULL;",
        "CREATE INDEX \"room_events_by_age\" ON \"room_events\" USING btree (\"created_at\");",
        "CREATE INDEX \"webhook_cursors_by_time\" ON \"webhook_cursors\" USING btree (\"next_at\");",
        "CREATE INDEX \"webhook_cursors_by_room\" ON \"webhook_cursors\" USING btree (\"room_id\");",
        "CREATE INDEX \"webhook_dead_letters_by_age\" ON \"webhook_dead_letters\" USING btree (\"failed_at\");"
      ]
    },
    {
      "tag": "0003_unreachable-pods",
      "statements": [
        "ALTER TABLE \"pods\" ADD COLUMN \"unreachable_until\" bigint DEFAULT 0 NOT NULL;"
      ]
    },
    {
      "tag": "0004_webhook-origins",
      "statements": [
        "ALTER TABLE \"webhook_cursors\" ADD COLUMN \"origin\" text DEFAULT '' NOT NULL;"
      ]
    }
  ]
};
