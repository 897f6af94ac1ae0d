-- SPDX-License-Identifier: Apache-2.0
-- A load to profile: orders in memory, indexed, joined, sorted and forgotten.
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, city TEXT);
CREATE TABLE item (id INTEGER PRIMARY KEY, customer INTEGER, product TEXT, price REAL, note TEXT);

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO customer SELECT i, 'customer ' || i, 'city ' || (i * 7919 % 400) FROM n;

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
INSERT INTO item
SELECT i, 1 + i * 31 % 20000, 'product ' || (i * 104729 % 5000), i % 997 / 10.0,
       printf('%.*c', i % 120, 'x')
FROM n;

CREATE INDEX item_by_customer ON item (customer);
CREATE INDEX item_by_product ON item (product, price);

SELECT city, count(*) AS items, round(sum(price), 2) AS total
FROM customer JOIN item ON item.customer = customer.id
GROUP BY city ORDER BY total DESC LIMIT 3;

SELECT count(*) AS dear_notes FROM (
    SELECT product, group_concat(note, ',') AS notes FROM item GROUP BY product
) WHERE length(notes) > 2400;

DELETE FROM item WHERE id % 2 = 0;
VACUUM;
SELECT count(*) AS kept FROM item;
