-- name: lock_contact!
-- One transaction at a time per contact; the inbox takes the same lock when it updates the row.
SELECT contact FROM contacts WHERE contact = :contact FOR NO KEY UPDATE;

-- name: publish_news!
-- Reaches the workers when the transaction commits, and not if it does not.
SELECT pg_notify('clone_news', :contact);

-- name: contacts_without_job
-- Who is owed something and has no job, waiting or running.
SELECT contact FROM (
    SELECT contact FROM inbox WHERE turn_id IS NULL AND answer IS NULL
    UNION SELECT contact FROM turns WHERE status = 'open'
    UNION SELECT contact FROM outbox WHERE status IN ('pending', 'sending')
    UNION SELECT contact FROM outbox
        WHERE status = 'sent' AND delivery IN ('failed', 'undelivered')
) AS owed
WHERE NOT EXISTS (
    SELECT 1 FROM procrastinate_jobs WHERE lock = owed.contact AND status IN ('todo', 'doing')
);

-- name: keep_value!
INSERT INTO installation (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING;

-- name: value$
SELECT value FROM installation WHERE name = :name;

-- name: insert_media!
INSERT INTO media (name, content_type, words, created_at, data)
VALUES (:name, :content_type, :words, :now, :data);

-- name: media_with_data^
SELECT content_type, words, created_at, data FROM media WHERE name = :name;
