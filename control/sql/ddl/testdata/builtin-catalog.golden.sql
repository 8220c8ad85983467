CREATE DATABASE IF NOT EXISTS `default_catalog`.`sales`;

USE CATALOG `default_catalog`;

USE `sales`;

SELECT 1;
