// A client of Amazon Connect with the AWS SDK for Go, version 1. README.md says what it reads and prints.
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

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/awserr"
	"github.com/aws/aws-sdk-go/aws/request"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/connect"
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
	settings, err := session.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	client := connect.New(settings, aws.NewConfig().WithEndpoint(os.Getenv("AWS_ENDPOINT_URL_CONNECT")))
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

func send(client *connect.Connect, call call) (*result, error) {
	asked, output, err := prepare(client, call)
	if err != nil {
		return nil, err
	}
	deadline, cancel := context.WithTimeout(context.Background(), time.Duration(call.Deadline*float64(time.Second)))
	defer cancel()
	asked.SetContext(deadline)
	begun := time.Now()
	failed := asked.Send()
	made := &result{Ok: failed == nil, Output: output, Attempts: asked.RetryCount + 1, Seconds: time.Since(begun).Seconds()}
	if failed == nil {
		made.Status = &asked.HTTPResponse.StatusCode
		return made, nil
	}
	made.Output, made.Type, made.Message = nil, reflect.Indirect(reflect.ValueOf(failed)).Type().Name(), failed.Error()
	var refused awserr.RequestFailure
	if errors.As(failed, &refused) {
		code, status := refused.Code(), refused.StatusCode()
		made.Code, made.Message, made.Status = &code, refused.Message(), &status
	}
	return made, nil
}

func prepare(client *connect.Connect, call call) (*request.Request, any, error) {
	switch call.Operation {
	case "CreateUser":
		return prepared(client.CreateUserRequest, call.Input)
	case "DescribeUser":
		return prepared(client.DescribeUserRequest, call.Input)
	case "UpdateUserIdentityInfo":
		return prepared(client.UpdateUserIdentityInfoRequest, call.Input)
	default:
		return nil, nil, fmt.Errorf("no operation `%s`", call.Operation)
	}
}

func prepared[I, O any](ask func(*I) (*request.Request, *O), given json.RawMessage) (*request.Request, any, error) {
	input := new(I)
	if err := json.Unmarshal(given, input); err != nil {
		return nil, nil, err
	}
	asked, output := ask(input)
	return asked, output, nil
}
