CREATE CATALOG `shop` WITH ('type' = 'generic_in_memory', 'default-database' = 'sales');

CREATE DATABASE IF NOT EXISTS `shop`.`sales`;

CREATE TABLE `shop`.`sales`.`numbers` (
  `n` BIGINT
)
WITH (
  'connector' = 'datagen',
  'rows-per-second' = '5'
);

CREATE TABLE `shop`.`sales`.`files` (
  `n` BIGINT,
  `region` STRING
)
PARTITIONED BY (`region`)
WITH (
  'connector' = 'filesystem',
  'format' = 'csv',
  'path' = 's3://b'
);

USE CATALOG `shop`;

USE `sales`;

SELECT 1;
