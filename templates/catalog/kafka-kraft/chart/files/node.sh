#!/bin/sh
# Writes a member's settings, formats its disk where that is new, and becomes Kafka.
#
#   ORDINAL        which of the members it is
#   OWN            the name by which others reach it
#   VOTERS         ordinal@name:port of each member
#   COPIES, LEAST  copies of a record, and how many must be there for it to count as written
#   HEAP           of Java, as in 384m
set -eu
: "${ORDINAL:?}" "${OWN:?}" "${VOTERS:?}" "${COPIES:?}" "${LEAST:?}" "${HEAP:?}"
app=$(cat /secrets/app) member=$(cat /secrets/member)
login=org.apache.kafka.common.security.plain.PlainLoginModule

umask 077
{
  cat <<SETTINGS
process.roles=broker,controller
node.id=$ORDINAL
controller.quorum.voters=$VOTERS
listeners=CLIENT://:9092,CONTROLLER://:9093,MEMBER://:9094
advertised.listeners=CLIENT://$OWN:9092,MEMBER://$OWN:9094
controller.listener.names=CONTROLLER
inter.broker.listener.name=MEMBER
listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT,MEMBER:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.controller.protocol=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.client.plain.sasl.jaas.config=$login required user_app="$app";
listener.name.controller.plain.sasl.jaas.config=$login required username="member" password="$member" user_member="$member";
listener.name.member.plain.sasl.jaas.config=$login required username="member" password="$member" user_member="$member";
log.dirs=/data/log
default.replication.factor=$COPIES
min.insync.replicas=$LEAST
offsets.topic.replication.factor=$COPIES
share.coordinator.state.topic.replication.factor=$COPIES
share.coordinator.state.topic.min.isr=$LEAST
transaction.state.log.replication.factor=$COPIES
transaction.state.log.min.isr=$LEAST
group.initial.rebalance.delay.ms=0
SETTINGS
  cat /scripts/settings.properties
} >/tmp/server.properties
cat >/tmp/client.properties <<SETTINGS
security.protocol=SASL_PLAINTEXT
sasl.mechanism=PLAIN
sasl.jaas.config=$login required username="app" password="$app";
SETTINGS

java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 kafka.tools.StorageTool format --ignore-formatted \
  --cluster-id "$(cat /secrets/cluster)" --config /tmp/server.properties
exec java "-Xms$HEAP" "-Xmx$HEAP" -XX:+ExitOnOutOfMemoryError kafka.Kafka /tmp/server.properties
