//! An application that uses AWS and Amazon Connect side by side, with the AWS SDK for Rust. It reads calls, a line of JSON
//! each, and answers each with a line. README.md says what stands in them.

use std::{
    env,
    error::Error,
    fs,
    io::{self, BufRead, Write},
};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_connect::{
    config::http::HttpResponse,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    types::UserIdentityInfo,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = settings().await?;
    let connect = aws_sdk_connect::Client::new(&settings);
    let s3 = s3(&settings);
    for line in io::stdin().lock().lines() {
        let call: Value = serde_json::from_str(&line?)?;
        let input = &call["input"];
        let said = match (call["service"].as_str(), call["operation"].as_str()) {
            (Some("connect"), Some("UpdateUserIdentityInfo")) => {
                let identity = UserIdentityInfo::builder().set_email(text(&input["IdentityInfo"], "Email"));
                let sent = connect
                    .update_user_identity_info()
                    .set_instance_id(text(input, "InstanceId"))
                    .set_user_id(text(input, "UserId"))
                    .identity_info(identity.build())
                    .send();
                told(sent.await)
            }
            (Some("s3"), Some("PutObject")) => {
                let body = text(input, "Body").unwrap_or_default().into_bytes();
                let sent = s3
                    .put_object()
                    .set_bucket(text(input, "Bucket"))
                    .set_key(text(input, "Key"))
                    .body(body.into())
                    .send();
                told(sent.await)
            }
            other => return Err(format!("no operation {other:?}").into()),
        };
        writeln!(io::stdout(), "{said}")?;
    }
    Ok(())
}

/// Endpoints, Region and credentials are the SDK's to find; a trust store of one's own is an option of its HTTP client.
#[expect(
    clippy::disallowed_methods,
    reason = "the guard's own code leaves the environment alone; this is not of it"
)]
async fn settings() -> Result<SdkConfig, Box<dyn Error>> {
    let trusted = TrustStore::empty().with_pem_certificate(fs::read(env::var("AWS_CA_BUNDLE")?)?);
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(TlsContext::builder().with_trust_store(trusted).build()?)
        .build_https();
    Ok(aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await)
}

/// A bucket's name stands in the path: the server is known by an address.
fn s3(settings: &SdkConfig) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(settings).force_path_style(true).build())
}

fn told<O, E>(answer: Result<O, SdkError<E, HttpResponse>>) -> Value
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let Err(error) = answer else { return json!({ "ok": true }) };
    let status = error.raw_response().map(|answered| answered.status().as_u16());
    match error.as_service_error() {
        Some(refused) => {
            let message = refused.message().unwrap_or_default();
            json!({ "ok": false, "code": refused.code(), "message": message, "status": status })
        }
        None => {
            let message = DisplayErrorContext(&error).to_string();
            json!({ "ok": false, "code": null, "message": message, "status": status })
        }
    }
}

fn text(value: &Value, member: &str) -> Option<String> {
    value[member].as_str().map(str::to_owned)
}
