CREATE TABLE customers(id INTEGER, email VARCHAR, first_name VARCHAR, seen_at TIMESTAMPTZ);
INSERT INTO customers VALUES
  (17, 'ada@example.com', 'Ada', '2026-11-01 10:00:00+00'),
  (18, 'bo@example.com', 'Bo', '2026-11-02 11:30:00+00');
