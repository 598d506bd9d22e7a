package geminga.clients;

import static geminga.clients.Lab.bytes;

import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.PulsarClientException;
import org.apache.pulsar.common.policies.data.AutoTopicCreationOverride;
import org.apache.pulsar.common.policies.data.BacklogQuota;
import org.apache.pulsar.common.policies.data.PublishRate;

/** What is set for a namespace. */
final class Policies {
    private Policies() {}

    @Feature("auto-creation-off")
    static void autoCreationOff(Lab lab) throws Exception {
        String namespace = lab.namespace();
        lab.admin().namespaces().setAutoTopicCreation(namespace, AutoTopicCreationOverride.builder().allowAutoTopicCreation(false).build());
        String topic = "persistent://" + namespace + "/topic";
        Check.fails(PulsarClientException.class, () -> lab.producer(topic));
        Check.fails(PulsarClientException.class, () -> lab.consumer(topic).subscribe());
        lab.admin().topics().createNonPartitionedTopic(topic);
        lab.producer(topic).send(bytes("x"));
    }

    @Feature("auto-creation-partitioned")
    static void autoCreationPartitioned(Lab lab) throws Exception {
        String namespace = lab.namespace();
        lab.admin().namespaces().setAutoTopicCreation(namespace,
                AutoTopicCreationOverride.builder().allowAutoTopicCreation(true).topicType("partitioned").defaultNumPartitions(3).build());
        String topic = "persistent://" + namespace + "/topic";
        lab.producer(topic).send(bytes("x"));
        Check.same(3, lab.admin().topics().getPartitionedTopicMetadata(topic).partitions, "partitions");
    }

    @Feature("auto-subscription-off")
    static void autoSubscriptionOff(Lab lab) throws Exception {
        String namespace = lab.namespace();
        lab.admin().namespaces().setAutoSubscriptionCreation(namespace,
                org.apache.pulsar.common.policies.data.AutoSubscriptionCreationOverride.builder().allowAutoSubscriptionCreation(false).build());
        String topic = "persistent://" + namespace + "/topic";
        lab.admin().topics().createNonPartitionedTopic(topic);
        Check.fails(PulsarClientException.class, () -> lab.consumer(topic).subscribe());
        lab.admin().topics().createSubscription(topic, "s", org.apache.pulsar.client.api.MessageId.earliest);
        lab.consumer(topic).subscribe();
    }

    @Feature("publish-rate")
    static void publishRate(Lab lab) throws Exception {
        String namespace = lab.namespace();
        lab.admin().namespaces().setPublishRate(namespace, new PublishRate(10, -1));
        try (Producer<byte[]> producer = lab.producer("persistent://" + namespace + "/topic")) {
            long began = System.nanoTime();
            for (int i = 0; i < 40; i++) producer.send(bytes(i));
            double seconds = (System.nanoTime() - began) / 1e9;
            Check.that(seconds > 1.5, "40 messages took " + seconds + " s, but 10 a second are allowed");
        }
    }

    private static String limited(Lab lab, BacklogQuota.RetentionPolicy policy) throws Exception {
        String namespace = lab.namespace();
        lab.admin().namespaces().setBacklogQuota(namespace, BacklogQuota.builder().limitSize(100_000).retentionPolicy(policy).build());
        return "persistent://" + namespace + "/topic";
    }

    @Feature("quota-exception")
    static void quotaException(Lab lab) throws Exception {
        String topic = limited(lab, BacklogQuota.RetentionPolicy.producer_exception);
        try (Consumer<byte[]> consumer = lab.consumer(topic).receiverQueueSize(1).subscribe(); Producer<byte[]> producer = lab.producer(topic)) {
            Check.fails(PulsarClientException.class, () -> {
                for (int i = 0; i < 100; i++) {
                    producer.send(new byte[20_000]);
                    TimeUnit.MILLISECONDS.sleep(100);
                }
            });
            Lab.drain(consumer);
            Check.eventually("it goes on when the backlog is gone", 20, () -> {
                try (Producer<byte[]> again = lab.producer(topic)) {
                    again.send(bytes("again"));
                    return true;
                } catch (PulsarClientException full) {
                    return false;
                }
            });
        }
    }

    @Feature("quota-hold")
    static void quotaHold(Lab lab) throws Exception {
        String topic = limited(lab, BacklogQuota.RetentionPolicy.producer_request_hold);
        try (Consumer<byte[]> consumer = lab.consumer(topic).receiverQueueSize(1).subscribe()) {
            try (Producer<byte[]> producer = lab.client().newProducer().topic(topic).enableBatching(false).sendTimeout(3, TimeUnit.SECONDS).create()) {
                Check.fails(PulsarClientException.class, () -> {
                    for (int i = 0; i < 100; i++) {
                        producer.send(new byte[20_000]);
                        TimeUnit.MILLISECONDS.sleep(100);
                    }
                });
            }
            var held = lab.client().newProducer().topic(topic).enableBatching(false).createAsync();
            Lab.drain(consumer);
            held.get(20, TimeUnit.SECONDS).send(bytes("again"));
        }
    }

    @Feature("quota-eviction")
    static void quotaEviction(Lab lab) throws Exception {
        String topic = limited(lab, BacklogQuota.RetentionPolicy.consumer_backlog_eviction);
        lab.consumer(topic).subscribe().close();
        try (Producer<byte[]> producer = lab.producer(topic)) {
            for (int i = 0; i < 20; i++) producer.send(new byte[20_000]);
            Check.eventually("the oldest messages are given up", 20,
                    () -> lab.admin().topics().getStats(topic).getSubscriptions().get("s").getMsgBacklog() < 20);
        }
    }

    @Feature("message-ttl")
    static void ttl(Lab lab) throws Exception {
        String namespace = lab.namespace();
        String topic = "persistent://" + namespace + "/topic";
        lab.consumer(topic).subscribe().close();
        lab.send(topic, 3);
        lab.admin().topics().expireMessages(topic, "s", 1);
        TimeUnit.MILLISECONDS.sleep(1_500);
        Check.eventually("messages older than a second are given up", 10, () -> {
            try {
                lab.admin().topics().expireMessages(topic, "s", 1);
            } catch (org.apache.pulsar.client.admin.PulsarAdminException.ConflictException busy) { // the one before is not over
            }
            return lab.admin().topics().getStats(topic).getSubscriptions().get("s").getMsgBacklog() == 0;
        });
    }
}
