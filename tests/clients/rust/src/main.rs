//! A client of Amazon Connect with the AWS SDK for Rust. README.md says what it reads and prints.

use std::{
    env,
    error::Error,
    fmt::Debug,
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicU32, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use aws_config::BehaviorVersion;
use aws_sdk_connect::{
    Client,
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        http::HttpResponse,
        interceptors::{BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef},
    },
    error::{BoxError, DisplayErrorContext, ProvideErrorMetadata, SdkError},
    types::{PhoneType, UserIdentityInfo, UserPhoneConfig},
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use serde_json::{Value, json};

/// What an attempt showed of itself on the wire.
#[derive(Debug, Default)]
struct Seen {
    attempts: AtomicU32,
    /// 0 before the first answer.
    status: AtomicU16,
}

/// Counts for [`Seen`].
#[derive(Debug)]
struct Watch(Arc<Seen>);

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.attempts.fetch_add(1, SeqCst);
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.status.store(context.response().status().as_u16(), SeqCst);
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let seen = Arc::new(Seen::default());
    let client = client(seen.clone()).await?;
    let calls: Vec<Value> = serde_json::from_reader(io::stdin())?;
    for call in calls {
        seen.attempts.store(0, SeqCst);
        seen.status.store(0, SeqCst);
        let begun = Instant::now();
        let deadline = Duration::from_secs_f64(call["deadline"].as_f64().ok_or("no deadline")?);
        let mut result = match tokio::time::timeout(deadline, send(&client, &call)).await {
            Ok(result) => result?,
            Err(elapsed) => {
                json!({"ok": false, "type": "Elapsed", "code": null, "message": elapsed.to_string()})
            }
        };
        let status = seen.status.load(SeqCst);
        result["status"] = if status == 0 { Value::Null } else { status.into() };
        result["attempts"] = seen.attempts.load(SeqCst).into();
        result["seconds"] = begun.elapsed().as_secs_f64().into();
        println!("{result}");
    }
    Ok(())
}

/// Endpoint, Region and credentials are the SDK's to find; a trust store of one's own is an option of its HTTP client.
#[expect(
    clippy::disallowed_methods,
    reason = "the guard's own code leaves the environment alone; this is not of it"
)]
async fn client(seen: Arc<Seen>) -> Result<Client, Box<dyn Error>> {
    let trusted = TrustStore::empty().with_pem_certificate(fs::read(env::var("AWS_CA_BUNDLE")?)?);
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(TlsContext::builder().with_trust_store(trusted).build()?)
        .build_https();
    let settings = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    let settings = aws_sdk_connect::config::Builder::from(&settings).interceptor(Watch(seen)).build();
    Ok(Client::from_conf(settings))
}

async fn send(client: &Client, call: &Value) -> Result<Value, Box<dyn Error>> {
    let input = &call["input"];
    match call["operation"].as_str() {
        Some("CreateUser") => {
            let phone = &input["PhoneConfig"];
            let phone = UserPhoneConfig::builder()
                .set_phone_type(text(phone, "PhoneType").as_deref().map(PhoneType::from))
                .auto_accept(phone["AutoAccept"].as_bool().unwrap_or_default())
                .build();
            let answer = client
                .create_user()
                .set_instance_id(text(input, "InstanceId"))
                .set_username(text(input, "Username"))
                .set_security_profile_ids(texts(input, "SecurityProfileIds"))
                .set_routing_profile_id(text(input, "RoutingProfileId"))
                .identity_info(identity(input))
                .phone_config(phone)
                .send()
                .await;
            Ok(told(answer, |created| json!({"UserId": created.user_id()})))
        }
        Some("DescribeUser") => {
            let answer = client
                .describe_user()
                .set_instance_id(text(input, "InstanceId"))
                .set_user_id(text(input, "UserId"))
                .send()
                .await;
            Ok(told(answer, |described| {
                let user = described.user();
                let identity = user.and_then(|user| user.identity_info()).map(|identity| {
                    json!({
                        "FirstName": identity.first_name(),
                        "LastName": identity.last_name(),
                        "Email": identity.email(),
                    })
                });
                json!({"User": {"Username": user.and_then(|user| user.username()), "IdentityInfo": identity}})
            }))
        }
        Some("UpdateUserIdentityInfo") => {
            let answer = client
                .update_user_identity_info()
                .set_instance_id(text(input, "InstanceId"))
                .set_user_id(text(input, "UserId"))
                .identity_info(identity(input))
                .send()
                .await;
            Ok(told(answer, |_| json!({})))
        }
        other => Err(format!("no operation {other:?}").into()),
    }
}

fn told<O, E>(answer: Result<O, SdkError<E, HttpResponse>>, output: impl FnOnce(O) -> Value) -> Value
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match answer {
        Ok(answered) => json!({"ok": true, "output": output(answered)}),
        Err(error) => match error.as_service_error() {
            Some(refused) => json!({
                "ok": false,
                "type": variant(refused),
                "code": refused.code(),
                "message": refused.message(),
            }),
            None => json!({
                "ok": false,
                "type": variant(&error),
                "code": null,
                "message": DisplayErrorContext(&error).to_string(),
            }),
        },
    }
}

/// The name of an error's variant.
fn variant(error: &impl Debug) -> String {
    let shown = format!("{error:?}");
    shown.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

fn identity(input: &Value) -> UserIdentityInfo {
    let identity = &input["IdentityInfo"];
    UserIdentityInfo::builder()
        .set_first_name(text(identity, "FirstName"))
        .set_last_name(text(identity, "LastName"))
        .set_email(text(identity, "Email"))
        .build()
}

fn text(value: &Value, member: &str) -> Option<String> {
    value[member].as_str().map(str::to_owned)
}

fn texts(value: &Value, member: &str) -> Option<Vec<String>> {
    let members = value[member].as_array()?;
    Some(members.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
