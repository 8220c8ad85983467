CREATE CATALOG `shop` WITH ('type' = 'generic_in_memory', 'default-database' = 'sales');

CREATE DATABASE IF NOT EXISTS `shop`.`sales`;

CREATE TABLE `shop`.`sales`.`orders` (
  `id` BIGINT NOT NULL,
  `item` STRING COMMENT 'it''s what was bought',
  `placed` TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  `cents` AS price * 100,
  `price` DECIMAL(10, 2),
  WATERMARK FOR `placed` AS placed - INTERVAL '5' SECOND
)
COMMENT 'orders'
WITH (
  'connector' = 'kafka',
  'properties.bootstrap.servers' = 'kafka:9093',
  'properties.sasl.jaas.config' = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="it''s" password="x";',
  'properties.sasl.mechanism' = 'PLAIN',
  'properties.security.protocol' = 'SASL_SSL',
  'scan.startup.mode' = 'earliest-offset',
  'topic' = 'orders',
  'value.avro-confluent.basic-auth.credentials-source' = 'USER_INFO',
  'value.avro-confluent.basic-auth.user-info' = 'user:word',
  'value.avro-confluent.properties.auto.register.schemas' = 'false',
  'value.avro-confluent.ssl.truststore.location' = '/etc/trust.jks',
  'value.avro-confluent.url' = 'https://registry:8081',
  'value.format' = 'avro-confluent'
);

USE CATALOG `shop`;

USE `sales`;

SELECT 1;
