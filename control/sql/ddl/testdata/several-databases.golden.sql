CREATE CATALOG `archive-2` WITH ('type' = 'generic_in_memory', 'default-database' = 'sales');

CREATE DATABASE IF NOT EXISTS `archive-2`.`sales`;

CREATE CATALOG `shop` WITH ('type' = 'generic_in_memory', 'default-database' = 'returns');

CREATE DATABASE IF NOT EXISTS `shop`.`returns`;

CREATE DATABASE IF NOT EXISTS `shop`.`sales`;

CREATE TABLE `shop`.`sales`.`a` (
  `id` INT
)
WITH (
  'connector' = 'print'
);

CREATE TABLE `shop`.`returns`.`b` (
  `id` INT
)
WITH (
  'connector' = 'print'
);

CREATE TABLE `archive-2`.`sales`.`c` (
  `id` INT
)
WITH (
  'connector' = 'print'
);

USE CATALOG `shop`;

USE `sales`;

SELECT 1;
