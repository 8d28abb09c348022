// A client of Amazon Connect with the AWS SDK for Go, version 2. README.md says what it reads and prints.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/connect"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

type call struct {
	Operation string          `json:"operation"`
	Input     json.RawMessage `json:"input"`
	Deadline  float64         `json:"deadline"`
}

type result struct {
	Ok       bool    `json:"ok"`
	Output   any     `json:"output,omitempty"`
	Type     string  `json:"type,omitempty"`
	Code     *string `json:"code"`
	Message  string  `json:"message"`
	Status   *int    `json:"status"`
	Attempts int     `json:"attempts"`
	Seconds  float64 `json:"seconds"`
}

func main() {
	var calls []call
	if err := json.NewDecoder(os.Stdin).Decode(&calls); err != nil {
		log.Fatal(err)
	}
	// Region, credentials and AWS_CA_BUNDLE are the SDK's to find. A variable for the endpoint is known to later ones only.
	settings, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client := connect.NewFromConfig(settings, func(options *connect.Options) {
		options.EndpointResolver = connect.EndpointResolverFromURL(os.Getenv("AWS_ENDPOINT_URL_CONNECT"))
	})
	for _, call := range calls {
		sent, err := send(client, call)
		if err != nil {
			log.Fatal(err)
		}
		if err := json.NewEncoder(os.Stdout).Encode(sent); err != nil {
			log.Fatal(err)
		}
	}
}

func send(client *connect.Client, call call) (*result, error) {
	deadline, cancel := context.WithTimeout(context.Background(), time.Duration(call.Deadline*float64(time.Second)))
	defer cancel()
	switch call.Operation {
	case "CreateUser":
		return made(deadline, client.CreateUser, call.Input)
	case "DescribeUser":
		return made(deadline, client.DescribeUser, call.Input)
	case "UpdateUserIdentityInfo":
		return made(deadline, client.UpdateUserIdentityInfo, call.Input)
	default:
		return nil, fmt.Errorf("no operation `%s`", call.Operation)
	}
}

func made[I, O any](
	deadline context.Context,
	ask func(context.Context, *I, ...func(*connect.Options)) (*O, error),
	given json.RawMessage,
) (*result, error) {
	input := new(I)
	if err := json.Unmarshal(given, input); err != nil {
		return nil, err
	}
	begun := time.Now()
	output, failed := ask(deadline, input)
	seconds := time.Since(begun).Seconds()
	if failed != nil {
		return refusal(failed, seconds), nil
	}
	metadata := reflect.ValueOf(output).Elem().FieldByName("ResultMetadata").Interface().(middleware.Metadata)
	answered := awsmiddleware.GetRawResponse(metadata).(*smithyhttp.Response)
	attempts, _ := retry.GetAttemptResults(metadata)
	return &result{Ok: true, Output: output, Status: &answered.StatusCode, Attempts: len(attempts.Results), Seconds: seconds}, nil
}

func refusal(failed error, seconds float64) *result {
	told := &result{Type: name(failed), Message: failed.Error(), Attempts: 1, Seconds: seconds}
	var last *retry.MaxAttemptsError
	if errors.As(failed, &last) {
		told.Attempts = last.Attempt
	}
	var answered *awshttp.ResponseError
	if errors.As(failed, &answered) && answered.HTTPStatusCode() != 0 {
		told.Status = aws.Int(answered.HTTPStatusCode())
	}
	var refused smithy.APIError
	if errors.As(failed, &refused) {
		told.Type, told.Code, told.Message = name(refused), aws.String(refused.ErrorCode()), refused.ErrorMessage()
	}
	return told
}

func name(failed error) string {
	return reflect.Indirect(reflect.ValueOf(failed)).Type().Name()
}
