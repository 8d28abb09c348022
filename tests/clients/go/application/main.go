// An application that uses AWS and Amazon Connect side by side, with the AWS SDK for Go, version 2. It reads calls, a line of
// JSON each, and answers each with a line. README.md says what stands in them.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/connect"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

type call struct {
	Service   string          `json:"service"`
	Operation string          `json:"operation"`
	Input     json.RawMessage `json:"input"`
}

type put struct {
	Bucket string
	Key    string
	Body   string
}

type result struct {
	Ok      bool    `json:"ok"`
	Code    *string `json:"code"`
	Message string  `json:"message"`
	Status  *int    `json:"status"`
}

type clients struct {
	connect *connect.Client
	s3      *s3.Client
}

func main() {
	// Region, credentials and AWS_CA_BUNDLE are the SDK's to find. Variables for endpoints are known to later ones only.
	settings, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	both := clients{
		connect: connect.NewFromConfig(settings, func(options *connect.Options) {
			options.EndpointResolver = connect.EndpointResolverFromURL(os.Getenv("AWS_ENDPOINT_URL_CONNECT"))
		}),
		s3: s3.NewFromConfig(settings, func(options *s3.Options) {
			options.EndpointResolver = s3.EndpointResolverFromURL(os.Getenv("AWS_ENDPOINT_URL_S3"))
			options.UsePathStyle = true
		}),
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked call
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		if err := json.NewEncoder(os.Stdout).Encode(told(both.made(asked))); err != nil {
			log.Fatal(err)
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

func (both clients) made(asked call) error {
	switch asked.Service + ":" + asked.Operation {
	case "connect:UpdateUserIdentityInfo":
		input := new(connect.UpdateUserIdentityInfoInput)
		if err := json.Unmarshal(asked.Input, input); err != nil {
			return err
		}
		_, err := both.connect.UpdateUserIdentityInfo(context.Background(), input)
		return err
	case "s3:PutObject":
		input := new(put)
		if err := json.Unmarshal(asked.Input, input); err != nil {
			return err
		}
		_, err := both.s3.PutObject(context.Background(), &s3.PutObjectInput{
			Bucket: &input.Bucket, Key: &input.Key, Body: strings.NewReader(input.Body),
		})
		return err
	default:
		return fmt.Errorf("no operation `%s` of `%s`", asked.Operation, asked.Service)
	}
}

func told(failed error) result {
	if failed == nil {
		return result{Ok: true}
	}
	said := result{Message: failed.Error()}
	var answered *awshttp.ResponseError
	if errors.As(failed, &answered) && answered.HTTPStatusCode() != 0 {
		status := answered.HTTPStatusCode()
		said.Status = &status
	}
	var refused smithy.APIError
	if errors.As(failed, &refused) {
		code := refused.ErrorCode()
		said.Code, said.Message = &code, refused.ErrorMessage()
	}
	return said
}
