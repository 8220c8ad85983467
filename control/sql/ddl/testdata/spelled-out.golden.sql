CREATE CATALOG `shop` WITH ('type' = 'generic_in_memory', 'default-database' = 'sales');

CREATE DATABASE IF NOT EXISTS `shop`.`sales`;

CREATE TABLE `shop`.`sales`.`changes` (
  `id` BIGINT NOT NULL,
  PRIMARY KEY (`id`) NOT ENFORCED
)
WITH (
  'connector' = 'kafka',
  'format' = 'debezium-json',
  'properties.bootstrap.servers' = 'elsewhere:9092',
  'properties.sasl.jaas.config' = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="it''s" password="x";',
  'properties.sasl.mechanism' = 'PLAIN',
  'properties.security.protocol' = 'SASL_SSL',
  'scan.startup.mode' = 'latest-offset',
  'topic' = 'other'
);

CREATE TABLE `shop`.`sales`.`several` (
  `line` STRING
)
WITH (
  'connector' = 'kafka',
  'properties.bootstrap.servers' = 'kafka:9093',
  'properties.sasl.jaas.config' = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="it''s" password="x";',
  'properties.sasl.mechanism' = 'PLAIN',
  'properties.security.protocol' = 'SASL_SSL',
  'scan.startup.mode' = 'earliest-offset',
  'topic-pattern' = 'logs-.*',
  'value.format' = 'raw'
);

SELECT 1;
