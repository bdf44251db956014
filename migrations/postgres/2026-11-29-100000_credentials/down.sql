ALTER TABLE api_keys DROP COLUMN last_used_at;
ALTER TABLE api_keys DROP COLUMN expires_at;
ALTER TABLE api_keys DROP COLUMN name;
ALTER TABLE users DROP COLUMN tokens_since;
ALTER TABLE users DROP COLUMN disabled_at;
