CREATE CATALOG `shop` WITH ('type' = 'generic_in_memory', 'default-database' = 'sales');

CREATE DATABASE IF NOT EXISTS `shop`.`sales`;

CREATE TABLE `shop`.`sales`.`totals` (
  `item` STRING NOT NULL,
  `total` BIGINT,
  PRIMARY KEY (`item`) NOT ENFORCED
)
WITH (
  'connector' = 'upsert-kafka',
  'key.avro-confluent.basic-auth.credentials-source' = 'USER_INFO',
  'key.avro-confluent.basic-auth.user-info' = 'user:word',
  'key.avro-confluent.properties.auto.register.schemas' = 'false',
  'key.avro-confluent.ssl.truststore.location' = '/etc/trust.jks',
  'key.avro-confluent.url' = 'https://registry:8081',
  'key.format' = 'avro-confluent',
  'properties.bootstrap.servers' = 'kafka:9093',
  'properties.sasl.jaas.config' = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="it''s" password="x";',
  'properties.sasl.mechanism' = 'PLAIN',
  'properties.security.protocol' = 'SASL_SSL',
  'topic' = 'totals',
  'value.avro-confluent.basic-auth.credentials-source' = 'USER_INFO',
  'value.avro-confluent.basic-auth.user-info' = 'user:word',
  'value.avro-confluent.properties.auto.register.schemas' = 'false',
  'value.avro-confluent.ssl.truststore.location' = '/etc/trust.jks',
  'value.avro-confluent.url' = 'https://registry:8081',
  'value.format' = 'avro-confluent'
);

CREATE TABLE `shop`.`sales`.`compacted` (
  `item` STRING NOT NULL,
  `total` BIGINT,
  PRIMARY KEY (`item`) NOT ENFORCED
)
WITH (
  'connector' = 'upsert-kafka',
  'key.format' = 'raw',
  'properties.bootstrap.servers' = 'kafka:9093',
  'properties.sasl.jaas.config' = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="it''s" password="x";',
  'properties.sasl.mechanism' = 'PLAIN',
  'properties.security.protocol' = 'SASL_SSL',
  'topic' = 'compacted',
  'value.format' = 'json'
);

USE CATALOG `shop`;

USE `sales`;

SELECT 1;
