DROP INDEX opt_outs_age;
DROP INDEX reports_age;
DROP TABLE pseudonym_key;
DROP TABLE chores_left;
DROP TABLE chores;
