CREATE TABLE shipments(
  order_id VARCHAR, parcel INTEGER, customer_id VARCHAR, email VARCHAR, weight_kg DECIMAL(6, 3)
);
INSERT INTO shipments VALUES
  ('o-1', 1, 'u-17', 'ada@example.com', 0.25),
  ('o-1', 2, 'u-17', 'ada@example.com', 12.5);
