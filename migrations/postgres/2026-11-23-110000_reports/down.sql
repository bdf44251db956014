DROP TABLE inbound;
DROP TABLE reports;
