CREATE CATALOG `shop` WITH ('type' = 'generic_in_memory', 'default-database' = 'sales');

CREATE DATABASE IF NOT EXISTS `shop`.`sales`;

CREATE TABLE `shop`.`sales`.`events` (
  `id` BIGINT NOT NULL
)
WITH (
  'connector' = 'kafka',
  'key.avro-confluent.basic-auth.credentials-source' = 'USER_INFO',
  'key.avro-confluent.basic-auth.user-info' = 'user:word',
  'key.avro-confluent.properties.auto.register.schemas' = 'false',
  'key.avro-confluent.ssl.truststore.location' = '/etc/trust.jks',
  'key.avro-confluent.url' = 'https://registry:8081',
  'key.fields' = 'id',
  'key.format' = 'avro-confluent',
  'properties.bootstrap.servers' = 'kafka:9093',
  'properties.sasl.jaas.config' = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="it''s" password="x";',
  'properties.sasl.mechanism' = 'PLAIN',
  'properties.security.protocol' = 'SASL_SSL',
  'scan.startup.mode' = 'earliest-offset',
  'topic' = 'events',
  'value.avro-confluent.basic-auth.credentials-source' = 'USER_INFO',
  'value.avro-confluent.basic-auth.user-info' = 'user:word',
  'value.avro-confluent.properties.auto.register.schemas' = 'false',
  'value.avro-confluent.ssl.truststore.location' = '/etc/trust.jks',
  'value.avro-confluent.url' = 'https://registry:8081',
  'value.fields-include' = 'EXCEPT_KEY',
  'value.format' = 'avro-confluent'
);

SELECT 1;
