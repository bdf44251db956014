-- The span that a message was accepted in, as W3C Trace Context writes it; NULL where nobody keeps that trace.
ALTER TABLE messages ADD COLUMN traceparent text;
