CREATE CATALOG `shop` WITH ('type' = 'generic_in_memory', 'default-database' = 'sales');

CREATE DATABASE IF NOT EXISTS `shop`.`sales`;

CREATE TABLE `shop`.`sales`.`logs` (
  `line` STRING
)
WITH (
  'connector' = 'kafka',
  'properties.bootstrap.servers' = 'kafka:9092',
  'scan.startup.mode' = 'earliest-offset',
  'topic' = 'logs',
  'value.format' = 'json'
);

CREATE TABLE `shop`.`sales`.`raw` (
  `content` BYTES
)
WITH (
  'connector' = 'kafka',
  'properties.bootstrap.servers' = 'kafka:9092',
  'scan.startup.mode' = 'earliest-offset',
  'topic' = 'raw-bytes',
  'value.format' = 'raw'
);

USE CATALOG `shop`;

USE `sales`;

SELECT 1;
