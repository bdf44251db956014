DROP TABLE seen_posts;
