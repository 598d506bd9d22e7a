#include "cli/broker_conf_keys.hpp"

#include "cli/broker_conf_readers.hpp"

namespace geminga::cli {
namespace {

using namespace conf;
using V = ConfValues;
using A = auth::AuthSettings;
using T = net::TlsSettings;
using P = Policies;
using E = EmbeddedSettings;

constexpr std::int64_t kDay = 24 * 3'600;

constexpr HonouredKey kHonouredTable[] = {
    {"brokerServicePort", "pulsar", port<&V::pulsar_port>},
    {"brokerServicePortTls", "pulsar_tls", port<&V::pulsar_tls_port>},
    {"webServicePort", "http", port<&V::http_port>},
    {"webServicePortTls", "https", port<&V::https_port>},
    {"bindAddress", "the host of these", text<&V::bind_address>},
    {"advertisedAddress", "advertise", text<&V::advertised_address>},

    {"tlsCertificateFilePath", "tls_cert", part_text<&V::tls, &T::certificate>},
    {"tlsKeyFilePath", "tls_key", part_text<&V::tls, &T::key>},
    {"tlsTrustCertsFilePath", "tls_ca", part_text<&V::tls, &T::client_ca>},
    {"tlsRequireTrustedClientCertOnConnect", "tls_require_client_cert",
     part_flag<&V::tls, &T::client_certificate_required>},
    {"tlsProtocols", "the versions that are spoken", tls_protocols},
    {"tlsEnabled", "the old key: needs a port for TLS", flag<&V::tls_enabled>},
    {"tlsEnabledWithKeyStore", "must be false: files are PEM", flag<&V::tls_key_store>},

    {"authenticationEnabled", "[auth]", flag<&V::authentication>},
    {"authenticationProviders", "tokens, client_certificates in [auth]", providers},
    {"authorizationEnabled", "roles and permissions in [auth]", flag<&V::authorization>},
    {"authorizationProvider", "roles and permissions in [auth]", authorization_provider},
    {"superUserRoles", "superuser_roles in [auth]", part_names<&V::auth, &A::superuser_roles>},
    {"anonymousUserRole", "anonymous_role in [auth]", part_text<&V::auth, &A::anonymous_role>},
    {"proxyRoles", "must be empty with authentication", text<&V::proxy_roles>},
    {"tokenSecretKey", "token_secret_key in [auth]", part_text<&V::auth, &A::token_secret_key>, true},
    {"tokenPublicKey", "token_public_key in [auth]", part_text<&V::auth, &A::token_public_key>},
    {"tokenPublicAlg", "follows from the key", text<&V::token_algorithm>},
    {"tokenAuthClaim", "must be sub", text<&V::token_claim>},
    {"tokenAudienceClaim", "must be aud", text<&V::audience_claim>},
    {"tokenAudience", "token_audience in [auth]", text<&V::audience>},
    {"tokenSettingPrefix", "must be empty", text<&V::token_prefix>},
    {"encryptionRequireOnProducer", "must be false", flag<&V::encryption_required>},

    {"maxMessageSize", "the largest message",
     part_number<&V::door, &PulsarSettings::message_bytes_max, 1 << 10, 5 << 20>},
    {"keepAliveIntervalSeconds", "silence before a PING",
     part_number<&V::door, &PulsarSettings::keep_alive, 1, kDay>},
    {"connectionLivenessCheckTimeoutMillis", "for a sign of life of who is in the way",
     part_number<&V::door, &PulsarSettings::liveness_timeout, 1, kDay * 1'000>},
    {"brokerMaxConnections", "connections of Pulsar's clients", connections},
    {"allowAutoTopicCreation", "whether Pulsar's clients make topics",
     part_flag<&V::door, &PulsarSettings::creates_topics>},

    {"ttlDurationDefaultInSeconds", "message_ttl of every namespace", limit<&P::message_ttl>},
    {"backlogQuotaCheckEnabled", "whether there is a backlog quota", flag<&V::quota>},
    {"backlogQuotaDefaultLimitBytes", "backlog_bytes of every namespace", quota_bytes},
    {"backlogQuotaDefaultLimitGB", "backlog_bytes of every namespace", quota_gigabytes},
    {"backlogQuotaDefaultLimitSecond", "backlog_age of every namespace", limit<&P::backlog_age>},
    {"backlogQuotaDefaultRetentionPolicy", "backlog_action of every namespace", quota_action},
    {"brokerDeleteInactiveTopicsEnabled", "inactive_after of every namespace", flag<&V::delete_inactive>},
    {"brokerDeleteInactiveTopicsMode", "inactive_after of every namespace", text<&V::delete_mode>},
    {"brokerDeleteInactiveTopicsMaxInactiveDurationSeconds", "inactive_after of every namespace",
     seconds<&V::inactive_seconds>},
    {"brokerDeleteInactiveTopicsFrequencySeconds", "inactive_after, where no duration is named",
     seconds<&V::inactive_check_seconds>},
    {"defaultRetentionTimeInMinutes", "retention of topics that are made", retention_minutes},
    {"defaultRetentionSizeInMB", "retention of topics that are made", retention_megabytes},
    {"brokerServiceCompactionThresholdInBytes", "compaction_threshold_bytes of every namespace",
     wide_limit<&P::compaction_threshold_bytes>},
    {"maxPublishRatePerTopicInMessages", "publish_messages_per_second of every namespace",
     wide_limit<&P::publish_messages_per_second>},
    {"maxPublishRatePerTopicInBytes", "publish_bytes_per_second of every namespace",
     wide_limit<&P::publish_bytes_per_second>},
    {"dispatchThrottlingRatePerTopicInMsg", "dispatch_messages_per_second of every namespace",
     wide_limit<&P::dispatch_messages_per_second>},
    {"dispatchThrottlingRatePerTopicInByte", "dispatch_bytes_per_second of every namespace",
     wide_limit<&P::dispatch_bytes_per_second>},
    {"maxProducersPerTopic", "max_producers of every namespace", limit<&P::max_producers>},
    {"maxConsumersPerTopic", "max_consumers of every namespace", limit<&P::max_consumers>},
    {"maxSubscriptionsPerTopic", "max_subscriptions of every namespace", limit<&P::max_subscriptions>},
    {"maxUnackedMessagesPerConsumer", "unacknowledged messages of a consumer",
     unacked<&E::unacked_per_consumer_max>},
    {"maxUnackedMessagesPerSubscription", "unacknowledged messages of a subscription",
     unacked<&E::unacked_per_subscription_max>},
};

constexpr UnsupportedKey kUnsupportedTable[] = {
    {"additionalServlets", "", "no code of others runs here"},
    {"additionalSystemCursorNames", "", "every subscription counts"},
    {"advertisedListeners", "", "one address is advertised: advertisedAddress"},
    {"allowAutoSubscriptionCreation", "true", "who may consume may subscribe"},
    {"allowAutoTopicCreationType", "non-partitioned",
     "what a client makes has no partitions; make them with topics create --partitions"},
    {"athenzDomainNames", "", "Athenz is no way to log in here"},
    {"authenticateMetricsEndpoint", "true",
     "stricter here: with authentication /metrics needs a monitor role"},
    {"authenticateOriginalAuthData", "false", "proxies with roles of their own are not served"},
    {"authorizationAllowWildcardsMatching", "false", "roles are named whole"},
    {"basicAuthConf", "", "basic is no way to log in here"},
    {"bindAddresses", "", "name addresses with bindAddress and the ports, or with --pulsar and --http"},
    {"bootstrapNamespaces", "", "namespaces are made when they are used"},
    {"brokerDeduplicationEnabled", "false", "what Pulsar's clients send again is stored again"},
    {"brokerDeleteInactivePartitionedTopicMetadataEnabled", "false",
     "the whole of a partitioned topic is deleted by hand"},
    {"brokerEntryPayloadProcessors", "", "no code of others runs here"},
    {"brokerInterceptors", "", "no code of others runs here"},
    {"brokerMaxConnectionsPerIp", "0", "no such limit"},
    {"brokerPublisherThrottlingMaxByteRate", "0", "rates are those of topics and namespaces"},
    {"brokerPublisherThrottlingMaxMessageRate", "0", "rates are those of topics and namespaces"},
    {"clientLibraryVersionCheckAllowUnversioned", "true,false",
     "every client is served that speaks the protocol"},
    {"clientLibraryVersionCheckEnabled", "false", "every client is served that speaks the protocol"},
    {"clusterMigrationCheckDurationSeconds", "0", "there is one cluster"},
    {"clusterName", "standalone", "there is one server, and no clusters"},
    {"compactionServiceFactoryClassName", "org.apache.pulsar.compaction.PulsarCompactionServiceFactory",
     "compaction is built in"},
    {"defaultNumPartitions", "1", "what a client makes has no partitions"},
    {"delayedDeliveryEnabled", "true", "delays are always there"},
    {"delayedDeliveryMaxDelayInMillis", "0", "a delay has no limit"},
    {"dispatchThrottlingForFilteredEntriesEnabled", "false", "there are no filters"},
    {"dispatchThrottlingOnBatchMessageEnabled", "false", "a rate counts messages"},
    {"dispatchThrottlingOnNonBacklogConsumerEnabled", "true", "a rate counts for every consumer"},
    {"dispatchThrottlingRateInByte", "0", "rates are those of topics and namespaces"},
    {"dispatchThrottlingRateInMsg", "0", "rates are those of topics and namespaces"},
    {"dispatchThrottlingRatePerSubscriptionInByte", "0", "rates are those of topics and namespaces"},
    {"dispatchThrottlingRatePerSubscriptionInMsg", "0", "rates are those of topics and namespaces"},
    {"dispatchThrottlingRateRelativeToPublishRate", "false", "a rate is a number"},
    {"enableNonPersistentTopics", "true", "both kinds of topics are served"},
    {"enablePackagesManagement", "false", "there are no packages"},
    {"enablePersistentTopics", "true", "both kinds of topics are served"},
    {"enableReplicatedSubscriptions", "true,false", "there is one cluster"},
    {"entryFilterNames", "", "no code of others runs here"},
    {"forceDeleteNamespaceAllowed", "false", "what is not empty is not deleted"},
    {"forceDeleteTenantAllowed", "false", "what is not empty is not deleted"},
    {"functionsWorkerEnabled", "false", "there are no functions"},
    {"functionsWorkerEnablePackageManagement", "false", "there are no functions"},
    {"haProxyProtocolEnabled", "false", "connections must come without the PROXY line"},
    {"httpMaxRequestSize", "-1", "bodies have at most 8 MiB"},
    {"httpRequestsLimitEnabled", "false", "see requests_per_second in [auth]"},
    {"internalListenerName", "internal", "one address is advertised"},
    {"isAllowAutoUpdateSchemaEnabled", "true", "schemas are not compared"},
    {"isDelayedDeliveryDeliverAtTimeStrict", "false", "a message comes at its time or later, never before"},
    {"isSchemaValidationEnforced", "false", "schemas are not enforced"},
    {"managedLedgerOffloadDriver", "", "nothing is offloaded"},
    {"managedLedgerPassword", "", "files are not encrypted"},
    {"maxConcurrentLookupRequest", "50000,5000", "no such limit"},
    {"maxConsumerMetadataSize", "1024", "no such limit of its own"},
    {"maxConsumersPerSubscription", "0", "no such limit; see maxConsumersPerTopic"},
    {"maxNamespacesPerTenant", "0", "no such limit"},
    {"maxNumPartitionsPerPartitionedTopic", "0", "no such limit"},
    {"maxSameAddressConsumersPerTopic", "0", "no such limit"},
    {"maxSameAddressProducersPerTopic", "0", "no such limit"},
    {"maxTenants", "0", "tenants are configured"},
    {"maxTopicsPerNamespace", "0", "no such limit"},
    {"maxUnackedMessagesPerBroker", "0",
     "what is not settled has a budget of memory, see geminga_dispatch_state_bytes"},
    {"messagingProtocols", "", "Pulsar's protocol and HTTP are served"},
    {"preciseTimeBasedBacklogQuotaCheck", "true,false", "the age of a backlog is that of its oldest message"},
    {"replicationStartAt", "latest,earliest", "there is one cluster"},
    {"schemaCompatibilityStrategy", "FULL", "schemas are not compared"},
    {"splitTopicAndPartitionLabelInPrometheus", "false",
     "metrics have no topics in them, see docs/reference/metrics.md"},
    {"sslFactoryPluginParams", "", "certificates are read from PEM files"},
    {"strictlyVerifySubscriptionName", "false", "no such rule"},
    {"strictTopicNameEnabled", "false", "no such rule"},
    {"subscribeThrottlingRatePerConsumer", "0", "no such limit"},
    {"subscriptionExpirationTimeMinutes", "0", "subscriptions stay until they are deleted"},
    {"subscriptionKeySharedEnable", "true", "all types are served"},
    {"subscriptionTypesEnabled", "Exclusive,Shared,Failover,Key_Shared", "all types are served"},
    {"tlsAllowInsecureConnection", "false", "stricter here: a certificate of a client is always verified"},
    {"tlsCiphers", "", "chosen here: ECDHE with AES-GCM or ChaCha20"},
    {"tokenAllowedClockSkewSeconds", "60", "clocks may differ by 60 s"},
    {"topicCompactionRetainNullKey", "false", "a compaction drops messages without a key"},
    {"transactionCoordinatorEnabled", "false",
     "there are no transactions; clients that ask for one are refused"},
    {"unblockStuckSubscriptionEnabled", "false", "nothing gets stuck that this would loosen"},
    {"webServiceHaProxyProtocolEnabled", "false", "connections must come without the PROXY line"},
    {"webServiceTlsCiphers", "", "chosen here: ECDHE with AES-GCM or ChaCha20"},
    {"webServiceTlsProtocols", "", "the same as for tlsProtocols"},
    {"webServiceTrustXForwardedFor", "false", "the address of a client is that of its connection"},
    {"webSocketServiceEnabled", "false", "there is no WebSocket service; see /api/bus for HTTP"},
};

constexpr IrrelevantKeys kIrrelevantTable[] = {
    {"BookKeeper is not there: one log holds everything, and a receipt goes out when it is synced",
     "allowLoopback bookieId bookkeeper_opportunisticStriping "
     "bookkeeper_tlsHostnameVerificationEnabled bookkeeperClientAuthenticationParameters "
     "bookkeeperClientAuthenticationParametersName bookkeeperClientAuthenticationPlugin "
     "bookkeeperClientEnforceMinNumRacksPerWriteQuorum bookkeeperClientExposeStatsToPrometheus "
     "bookkeeperClientGetBookieInfoIntervalSeconds "
     "bookkeeperClientGetBookieInfoRetryIntervalSeconds bookkeeperClientHealthCheckEnabled "
     "bookkeeperClientHealthCheckErrorThresholdPerInterval "
     "bookkeeperClientHealthCheckIntervalSeconds "
     "bookkeeperClientHealthCheckQuarantineTimeInSeconds bookkeeperClientIsolationGroups "
     "bookkeeperClientLimitStatsLogging bookkeeperClientMinAvailableBookiesInIsolationGroups "
     "bookkeeperClientMinNumRacksPerWriteQuorum bookkeeperClientNumIoThreads "
     "bookkeeperClientNumWorkerThreads bookkeeperClientQuarantineRatio "
     "bookkeeperClientRackawarePolicyEnabled bookkeeperClientRegionawarePolicyEnabled "
     "bookkeeperClientReorderReadSequenceEnabled bookkeeperClientSecondaryIsolationGroups "
     "bookkeeperClientSeparatedIoThreadsEnabled bookkeeperClientSpeculativeReadTimeoutInMillis "
     "bookkeeperClientThrottleValue bookkeeperClientTimeoutInSeconds "
     "bookkeeperDiskWeightBasedPlacementEnabled bookkeeperEnableStickyReads "
     "bookkeeperExplicitLacIntervalInMills bookkeeperMetadataServiceUri "
     "bookkeeperNumberOfChannelsPerBookie bookkeeperTlsCertFilesRefreshDurationSeconds "
     "bookkeeperTLSCertificateFilePath bookkeeperTLSClientAuthentication bookkeeperTLSKeyFilePath "
     "bookkeeperTLSKeyFileType bookkeeperTLSKeyStorePasswordPath bookkeeperTLSProviderFactoryClass "
     "bookkeeperTLSTrustCertsFilePath bookkeeperTLSTrustCertTypes "
     "bookkeeperTLSTrustStorePasswordPath bookkeeperUseV2WireProtocol "
     "dbStorage_readAheadCacheBatchSize dbStorage_readAheadCacheMaxSizeMb "
     "dbStorage_rocksDB_blockCacheSize dbStorage_rocksDB_blockSize "
     "dbStorage_rocksDB_bloomFilterBitsPerKey dbStorage_rocksDB_maxSizeInLevel1MB "
     "dbStorage_rocksDB_numFilesInLevel0 dbStorage_rocksDB_numLevels dbStorage_rocksDB_sstSizeInMB "
     "dbStorage_rocksDB_writeBufferSizeMB dbStorage_writeCacheMaxSizeMb diskUsageThreshold "
     "diskUsageWarnThreshold enableRunBookieAutoRecoveryTogether enableRunBookieTogether "
     "flushInterval gcWaitTime journalMaxGroupWaitMSec journalSyncData ledgerStorageClass "
     "listeningInterface nettyMaxFrameSizeBytes packagesManagementLedgerRootPath "
     "schemaLedgerForceRecovery strictBookieAffinityEnabled"},
    {"ledgers, cursors and their caches are those of the one log",
     "acknowledgmentAtBatchIndexLevelEnabled autoSkipNonRecoverableData "
     "cacheEvictionByMarkDeletedPosition dispatcherPauseOnAckStatePersistentEnabled "
     "lazyCursorRecovery managedCursorInfoCompressionThresholdInBytes "
     "managedCursorInfoCompressionType managedLedgerAddEntryTimeoutSeconds "
     "managedLedgerCacheCopyEntries managedLedgerCacheEvictionFrequency "
     "managedLedgerCacheEvictionIntervalMs managedLedgerCacheEvictionTimeThresholdMillis "
     "managedLedgerCacheEvictionWatermark managedLedgerCacheSizeMB "
     "managedLedgerCursorBackloggedThreshold managedLedgerCursorMaxEntriesPerLedger "
     "managedLedgerCursorPositionFlushSeconds "
     "managedLedgerCursorResetLedgerCloseTimestampMaxClockSkewMillis "
     "managedLedgerCursorRolloverTimeInSeconds managedLedgerDataReadPriority "
     "managedLedgerDefaultAckQuorum managedLedgerDefaultEnsembleSize "
     "managedLedgerDefaultMarkDeleteRateLimit managedLedgerDefaultWriteQuorum "
     "managedLedgerDigestType managedLedgerForceRecovery "
     "managedLedgerInactiveLedgerRolloverTimeSeconds "
     "managedLedgerInactiveOffloadedLedgerEvictionTimeSeconds "
     "managedLedgerInfoCompressionThresholdInBytes managedLedgerInfoCompressionType "
     "managedLedgerMaxAckQuorum managedLedgerMaxBacklogBetweenCursorsForCaching "
     "managedLedgerMaxBatchDeletedIndexToPersist managedLedgerMaxEnsembleSize "
     "managedLedgerMaxEntriesPerLedger managedLedgerMaxLedgerRolloverTimeMinutes "
     "managedLedgerMaxReadsInFlightPermitsAcquireQueueSize "
     "managedLedgerMaxReadsInFlightPermitsAcquireTimeoutMillis "
     "managedLedgerMaxReadsInFlightSizeInMB managedLedgerMaxSizePerLedgerMbytes "
     "managedLedgerMaxUnackedRangesToPersist managedLedgerMaxUnackedRangesToPersistInMetadataStore "
     "managedLedgerMaxUnackedRangesToPersistInZooKeeper managedLedgerMaxWriteQuorum "
     "managedLedgerMetadataOperationsTimeoutSeconds managedLedgerMinimumBacklogCursorsForCaching "
     "managedLedgerMinimumBacklogEntriesForCaching managedLedgerMinLedgerRolloverTimeMinutes "
     "managedLedgerNewEntriesCheckDelayInMillis managedLedgerNumSchedulerThreads "
     "managedLedgerNumWorkerThreads managedLedgerPersistIndividualAckAsLongArray "
     "managedLedgerPrometheusStatsLatencyRolloverSeconds managedLedgerReadEntryTimeoutSeconds "
     "managedLedgerStatsPeriodSeconds managedLedgerStorageClassName "
     "managedLedgerTraceTaskExecution managedLedgerUnackedRangesOpenCacheSetEnabled "
     "persistentUnackedRangesWithMultipleEntriesEnabled retentionCheckIntervalInSeconds "
     "triggerOffloadOnTopicLoad"},
    {"nothing is offloaded",
     "fileSystemProfilePath fileSystemURI gcsManagedLedgerOffloadBucket "
     "gcsManagedLedgerOffloadMaxBlockSizeInBytes gcsManagedLedgerOffloadReadBufferSizeInBytes "
     "gcsManagedLedgerOffloadRegion gcsManagedLedgerOffloadServiceAccountKeyFile "
     "managedLedgerOffloadAutoTriggerSizeThresholdBytes managedLedgerOffloadBucket "
     "managedLedgerOffloadDeletionLagMs managedLedgerOffloadMaxBlockSizeInBytes "
     "managedLedgerOffloadMaxThreads managedLedgerOffloadPrefetchRounds "
     "managedLedgerOffloadReadBufferSizeInBytes managedLedgerOffloadRegion "
     "managedLedgerOffloadServiceEndpoint managedLedgerOffloadThresholdInSeconds "
     "offloadersDirectory s3ManagedLedgerOffloadBucket s3ManagedLedgerOffloadMaxBlockSizeInBytes "
     "s3ManagedLedgerOffloadReadBufferSizeInBytes s3ManagedLedgerOffloadRegion "
     "s3ManagedLedgerOffloadRole s3ManagedLedgerOffloadRoleSessionName "
     "s3ManagedLedgerOffloadServiceEndpoint"},
    {"metadata are in the data directory, no ZooKeeper and no other store",
     "configurationMetadataStoreUrl configurationMetadataSyncEventTopic "
     "configurationStoreConfigPath configurationStoreServers globalZookeeperServers "
     "metadataStoreAllowReadOnlyOperations metadataStoreBatchingEnabled "
     "metadataStoreBatchingMaxDelayMillis metadataStoreBatchingMaxOperations "
     "metadataStoreBatchingMaxSizeKb metadataStoreCacheExpirySeconds metadataStoreConfigPath "
     "metadataStoreOperationTimeoutSeconds metadataStoreSessionTimeoutMillis metadataStoreUrl "
     "metadataSyncEventTopic topicPoliciesServiceClassName zooKeeperAllowReadOnlyOperations "
     "zooKeeperCacheExpirySeconds zooKeeperOperationTimeoutSeconds zookeeperServers "
     "zookeeperSessionExpiredPolicy zooKeeperSessionTimeoutMillis"},
    {"one server has no load to balance and no bundles to move",
     "defaultNamespaceBundleSplitAlgorithm defaultNumberOfNamespaceBundles "
     "enableNamespaceIsolationUpdateOnTime failureDomainsEnabled "
     "flowOrQpsDifferenceThresholdPercentage loadBalancerAutoBundleSplitEnabled "
     "loadBalancerAutoUnloadSplitBundlesEnabled "
     "loadBalancerAverageResourceUsageDifferenceThresholdPercentage "
     "loadBalancerAvgShedderHighThreshold loadBalancerAvgShedderHitCountHighThreshold "
     "loadBalancerAvgShedderHitCountLowThreshold loadBalancerAvgShedderLowThreshold "
     "loadBalancerBandwidthInResourceWeight loadBalancerBandwidthOutResourceWeight "
     "loadBalancerBandwithInResourceWeight loadBalancerBandwithOutResourceWeight "
     "loadBalancerBrokerComfortLoadLevelPercentage loadBalancerBrokerLoadDataTTLInSeconds "
     "loadBalancerBrokerLoadTargetStd loadBalancerBrokerMaxTopics "
     "loadBalancerBrokerOverloadedThresholdPercentage loadBalancerBrokerThresholdShedderPercentage "
     "loadBalancerBrokerUnderloadedThresholdPercentage "
     "loadBalancerBundleUnloadMinThroughputThreshold loadBalancerCPUResourceWeight "
     "loadBalancerDebugModeEnabled loadBalancerDirectMemoryResourceWeight "
     "loadBalancerDistributeBundlesEvenlyEnabled loadBalancerEnabled "
     "loadBalancerHistoryResourcePercentage loadBalancerHostUsageCheckIntervalMinutes "
     "loadBalancerInFlightServiceUnitStateWaitingTimeInMillis loadBalancerLoadPlacementStrategy "
     "loadBalancerLoadSheddingStrategy loadBalancerMaxNumberOfBrokerSheddingPerCycle "
     "loadBalancerMaxNumberOfBundlesInBundleLoadReport "
     "loadBalancerMaxNumberOfBundlesToSplitPerCycle loadBalancerMemoryResourceWeight "
     "loadBalancerMsgRateDifferenceShedderThreshold "
     "loadBalancerMsgThroughputMultiplierDifferenceShedderThreshold "
     "loadBalancerMultiPhaseBundleUnload loadBalancerNamespaceBundleMaxBandwidthMbytes "
     "loadBalancerNamespaceBundleMaxMsgRate loadBalancerNamespaceBundleMaxSessions "
     "loadBalancerNamespaceBundleMaxTopics "
     "loadBalancerNamespaceBundleSplitConditionHitCountThreshold "
     "loadBalancerNamespaceBundleSplitIntervalMinutes loadBalancerNamespaceMaximumBundles "
     "loadBalancerOverrideBrokerNicSpeedGbps loadBalancerPlacementStrategy "
     "loadBalancerReportUpdateMaxIntervalMinutes loadBalancerReportUpdateMinIntervalMillis "
     "loadBalancerReportUpdateThresholdPercentage loadBalancerResourceQuotaUpdateIntervalMinutes "
     "loadBalancerServiceUnitStateMaxConcurrentOverrides "
     "loadBalancerServiceUnitStateMonitorIntervalInSeconds "
     "loadBalancerServiceUnitStateTombstoneDelayTimeInSeconds "
     "loadBalancerServiceUnitTableViewSyncer loadBalancerSheddingBundlesWithPoliciesEnabled "
     "loadBalancerSheddingConditionHitCountThreshold loadBalancerSheddingEnabled "
     "loadBalancerSheddingGracePeriodMinutes loadBalancerSheddingIntervalMinutes "
     "loadBalancerSplitIntervalMinutes loadBalancerTransferEnabled "
     "loadBalanceSheddingDelayInSeconds loadManagerClassName "
     "loadManagerServiceUnitStateTableViewClassName lookupPropertyPrefix "
     "lowerBoundarySheddingEnabled maxUnloadBundleNumPerShedding maxUnloadPercentage "
     "minUnloadMessage minUnloadMessageThroughput namespaceBundleUnloadingTimeoutMs "
     "preferLaterVersions resourceUsageTransportClassName "
     "resourceUsageTransportPublishIntervalInSecs supportedNamespaceBundleSplitAlgorithms "
     "topicBundleAssignmentStrategy"},
    {"there is one cluster",
     "clusterMigrationAutoResourceCreation createTopicToRemoteClusterForReplication "
     "dispatchThrottlingRatePerReplicatorInByte dispatchThrottlingRatePerReplicatorInMsg "
     "replicatedSubscriptionsSnapshotFrequencyMillis "
     "replicatedSubscriptionsSnapshotMaxCachedPerSubscription "
     "replicatedSubscriptionsSnapshotTimeoutSeconds replicationConnectionsPerBroker "
     "replicationMetricsEnabled replicationPolicyCheckDurationSeconds replicationProducerQueueSize "
     "replicationTlsEnabled replicatorPrefix"},
    {"there is no client inside of the broker",
     "brokerClientAuthenticationParameters brokerClientAuthenticationPlugin "
     "brokerClientCertificateFilePath brokerClientKeyFilePath brokerClientSslFactoryPlugin "
     "brokerClientSslFactoryPluginParams brokerClientSslProvider brokerClientTlsCiphers "
     "brokerClientTlsEnabled brokerClientTlsEnabledWithKeyStore brokerClientTlsKeyStore "
     "brokerClientTlsKeyStorePassword brokerClientTlsKeyStoreType brokerClientTlsProtocols "
     "brokerClientTlsTrustStore brokerClientTlsTrustStorePassword brokerClientTlsTrustStoreType "
     "brokerClientTrustCertsFilePath"},
    {"key stores of Java are not read; certificates are PEM files",
     "sslFactoryPlugin tlsKeyStore tlsKeyStorePassword tlsKeyStoreType tlsProvider tlsTrustStore "
     "tlsTrustStorePassword tlsTrustStoreType webServiceTlsProvider"},
    {"certificates are read again on SIGHUP, and within a minute when they are written",
     "tlsCertRefreshCheckDurationSec"},
    {"of clients and of proxies", "tlsHostnameVerificationEnabled"},
    {"of a way to log in that is not there",
     "inflightSaslContextExpiryMs kinitCommand maxInflightSaslContext "
     "openIDAcceptedTimeLeewaySeconds openIDAllowedAudiences openIDAllowedTokenIssuers "
     "openIDCacheExpirationSeconds openIDCacheRefreshAfterWriteSeconds openIDCacheSize "
     "openIDFallbackDiscoveryMode openIDHttpConnectionTimeoutMillis openIDHttpReadTimeoutMillis "
     "openIDKeyIdCacheMissRefreshSeconds openIDRequireIssuersUseHttps openIDRoleClaim "
     "openIDTokenIssuerTrustCertsFilePath saslJaasBrokerSectionName saslJaasClientAllowedIds "
     "saslJaasServerRoleTokenSignerSecretPath saslJaasServerSectionName"},
    {"there are no transactions",
     "maxActiveTransactionsPerCoordinator numTransactionReplayThreadPoolSize "
     "transactionBufferClientMaxConcurrentRequests transactionBufferClientOperationTimeoutInMills "
     "transactionBufferProviderClassName transactionBufferSegmentedSnapshotEnabled "
     "transactionBufferSnapshotMaxTransactionCount transactionBufferSnapshotMinTimeInMillis "
     "transactionBufferSnapshotSegmentSize transactionLogBatchedWriteEnabled "
     "transactionLogBatchedWriteMaxDelayInMillis transactionLogBatchedWriteMaxRecords "
     "transactionLogBatchedWriteMaxSize transactionMetadataStoreProviderClassName "
     "transactionPendingAckBatchedWriteEnabled transactionPendingAckBatchedWriteMaxDelayInMillis "
     "transactionPendingAckBatchedWriteMaxRecords transactionPendingAckBatchedWriteMaxSize "
     "transactionPendingAckLogIndexMinLag transactionPendingAckStoreProviderClassName"},
    {"there are no functions, packages or WebSockets",
     "functionsWorkerServiceNarPackage packagesManagementStorageProvider packagesReplicas "
     "webSocketConnectionsPerBroker webSocketMaxTextFrameSize webSocketNumIoThreads "
     "webSocketNumServiceThreads webSocketPingDurationSeconds webSocketPulsarClientMemoryLimitInMB "
     "webSocketSessionIdleTimeoutMillis"},
    {"threads and queues of the JVM; loops here are few and bounded by memory",
     "dispatcherDispatchMessagesInSubscriptionThread enableBusyWait httpServerAcceptQueueSize "
     "httpServerGzipCompressionExcludedPaths httpServerThreadPoolQueueSize "
     "jvmGCMetricsLoggerClassName maxConcurrentHttpRequests "
     "maxConcurrentNonPersistentMessagePerConnection maxConcurrentTopicLoadRequest "
     "maxHttpServerConnections maxMessagePublishBufferSizeInMB "
     "maxPendingPublishRequestsPerConnection maxSecondsToClearTopicNameCache "
     "narExtractionDirectory numAcceptorThreads numCacheExecutorThreadPoolSize "
     "numExecutorThreadPoolSize numHttpServerThreads numIOThreads numOrderedExecutorThreads "
     "numWorkerThreadsForNonPersistentTopic skipBrokerShutdownOnOOM topicNameCacheMaxCapacity "
     "topicOrderedExecutorThreadNum useSeparateThreadPoolForProtocolHandlers"},
    {"metrics and statistics have a form of their own: docs/reference/metrics.md",
     "aggregatePublisherStatsByProducerName exposeBundlesMetricsInPrometheus "
     "exposeConsumerLevelMetricsInPrometheus exposeManagedCursorMetricsInPrometheus "
     "exposeManagedLedgerMetricsInPrometheus exposePreciseBacklogInPrometheus "
     "exposeProducerLevelMetricsInPrometheus exposePublisherStats "
     "exposeSubscriptionBacklogSizeInPrometheus exposeTopicLevelMetricsInPrometheus "
     "healthCheckMetricsUpdateTimeInSeconds metricsBufferResponse metricsServletTimeoutMs "
     "statsUpdateFrequencyInSecs statsUpdateInitialDelayInSecs"},
    {"batches to and from the log find their size themselves",
     "activeConsumerFailoverConsistentHashing activeConsumerFailoverDelayTimeMillis "
     "dispatcherEntryFilterRescheduledMessageDelay dispatcherMaxReadBatchSize "
     "dispatcherMaxReadSizeBytes dispatcherMaxRoundRobinBatchSize dispatcherMinReadBatchSize "
     "dispatcherReadFailureBackoffInitialTimeInMs "
     "dispatcherReadFailureBackoffMandatoryStopTimeInMs dispatcherReadFailureBackoffMaxTimeInMs "
     "dispatcherRetryBackoffInitialTimeInMs dispatcherRetryBackoffMaxTimeInMs "
     "keySharedLookAheadMsgInReplayThresholdPerConsumer "
     "keySharedLookAheadMsgInReplayThresholdPerSubscription keySharedUnblockingIntervalMs "
     "maxUnackedMessagesPerSubscriptionOnBrokerBlocked preciseDispatcherFlowControl "
     "subscriptionBacklogScanMaxEntries subscriptionBacklogScanMaxTimeMs "
     "subscriptionKeySharedConsistentHashingReplicaPoints "
     "subscriptionKeySharedUseClassicPersistentImplementation "
     "subscriptionKeySharedUseConsistentHashing subscriptionRedeliveryTrackerEnabled "
     "subscriptionSharedUseClassicPersistentImplementation"},
    {"limits are looked at once a second, rates at every message",
     "authenticationRefreshCheckSeconds backlogQuotaCheckIntervalInSeconds "
     "brokerPublisherThrottlingTickTimeMillis brokerServiceCompactionMonitorIntervalInSeconds "
     "brokerServiceCompactionPhaseOneLoopTimeInSeconds "
     "brokerServicePurgeInactiveFrequencyInSeconds dispatchRateLimiterFactoryClassName "
     "maxMessageSizeCheckIntervalInSeconds messageExpiryCheckIntervalInMinutes "
     "preciseTopicPublishRateLimiterEnable subscribeRatePeriodPerConsumerInSecond "
     "subscriptionExpiryCheckIntervalInMinutes topicPublisherThrottlingTickTimeMillis"},
    {"deduplication of the bus keeps every producer that it knows",
     "brokerDeduplicationEntriesInterval brokerDeduplicationMaxNumberOfProducers "
     "brokerDeduplicationProducerInactivityTimeoutMinutes "
     "brokerDeduplicationSnapshotFrequencyInSeconds brokerDeduplicationSnapshotIntervalSeconds"},
    {"delays are kept in the log, with an index of bounded memory",
     "delayedDeliveryFixedDelayDetectionLookahead "
     "delayedDeliveryMaxIndexesPerBucketSnapshotSegment delayedDeliveryMaxNumBuckets "
     "delayedDeliveryMaxTimeStepPerBucketSnapshotSegmentSeconds "
     "delayedDeliveryMinIndexCountPerBucket delayedDeliveryTickTimeMillis "
     "delayedDeliveryTrackerFactoryClassName"},
    {"schemas have no store of their own",
     "schemaRegistryCompatibilityCheckers schemaRegistryStorageClassName "
     "systemTopicSchemaCompatibilityStrategy"},
    {"no code of others runs here",
     "additionalServletDirectory allowOverrideEntryFilters brokerEntryMetadataInterceptors "
     "brokerInterceptorsDirectory entryFiltersDirectory protocolHandlerDirectory "
     "topicFactoryClassName"},
    {"roles and their permissions stand in geminga.toml", "allowAclChangesOnNonExistentTopics"},
    {"a stop takes ten seconds at most, a start reads the journal and the metadata",
     "brokerShutdownTimeoutMs topicFencingTimeoutSeconds topicLoadTimeoutSeconds"},
    {"HTTP has bounds and answers of its own",
     "disableHttpDebugMethods httpMaxRequestHeaderSize httpRequestsFailOnUnknownPropertiesEnabled "
     "httpRequestsMaxPerSecond statusFilePath webServiceLogDetailedAddresses"},
    {"patterns are the clients' own business",
     "enableBrokerSideSubscriptionPatternEvaluation subscriptionPatternMaxLength "
     "topicsPatternRegexImplementation"},
    {"clients that read broker entry metadata get them", "exposingBrokerEntryMetadataToClientEnabled"},
    {"policies of topics are always there, and no topics of the system",
     "systemTopicEnabled topicLevelPoliciesEnabled"},
};

}  // namespace

const std::span<const HonouredKey> kHonouredKeys = kHonouredTable;
const std::span<const UnsupportedKey> kUnsupportedKeys = kUnsupportedTable;
const std::span<const IrrelevantKeys> kIrrelevantKeys = kIrrelevantTable;

}  // namespace geminga::cli
