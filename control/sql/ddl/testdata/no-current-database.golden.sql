CREATE CATALOG `shop` WITH ('type' = 'generic_in_memory');

USE CATALOG `shop`;

SELECT 1;
