CREATE CATALOG `shop` WITH ('type' = 'generic_in_memory', 'default-database' = 'sales');

CREATE DATABASE IF NOT EXISTS `shop`.`sales`;

USE CATALOG `shop`;

USE `sales`;

SELECT 1;
