#!/bin/sh
# Kafka's own tools, logged in as the account app: kafka.sh topics --list
set -eu
: "${1:?topics, groups, produce, consume or quorum}"
tool=$1
shift
case $tool in
topics) class=org.apache.kafka.tools.TopicCommand ;;
groups) class=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand ;;
quorum) class=org.apache.kafka.tools.MetadataQuorumCommand ;;
produce) class=org.apache.kafka.tools.ConsoleProducer ;;
consume) class=org.apache.kafka.tools.consumer.ConsoleConsumer ;;
*)
  echo "there is no tool $tool: topics, groups, produce, consume or quorum" >&2
  exit 2
  ;;
esac
export KAFKA_LOG=warn
exec java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "$class" --bootstrap-server "$BOOTSTRAP" --command-config /tmp/client.properties "$@"
