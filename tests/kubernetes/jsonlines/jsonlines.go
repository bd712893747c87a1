// SPDX-License-Identifier: Apache-2.0

// Package jsonlines is the protocol of kube-service-conformance for programs: a line of
// JSON for each request on standard input, and one for its answer on standard output.
package jsonlines

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

// Request is one line of the suite; what an operation needs besides is decoded by it.
type Request struct {
	ID        json.Number       `json:"id"`
	Op        string            `json:"op"`
	Cluster   json.RawMessage   `json:"cluster"`
	Questions []json.RawMessage `json:"questions"`
}

// Response is one answer; its id is added where it is written.
type Response map[string]any

// Answers answers a request; an error is told to people.
type Answers func(*Request) (Response, error)

// Serve answers one request a line until `bye` or the end of input.
func Serve(in io.Reader, out io.Writer, answers Answers) error {
	lines := bufio.NewReaderSize(in, 1<<20)
	writer := bufio.NewWriterSize(out, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil && err != io.EOF {
			return err
		}
		var asked Request
		if err := json.Unmarshal(line, &asked); err != nil {
			return fmt.Errorf("a request that is no JSON: %w", err)
		}
		answer := answerOf(answers, &asked)
		answer["id"] = asked.ID
		text, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		writer.Write(text)
		writer.WriteByte('\n')
		// Without this the answer would stay in the buffer.
		if err := writer.Flush(); err != nil {
			return err
		}
		if asked.Op == "bye" {
			return nil
		}
	}
}

// answerOf answers one request; whatever goes wrong becomes an error for people.
func answerOf(answers Answers, asked *Request) (answer Response) {
	defer func() {
		if reason := recover(); reason != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", reason, debug.Stack())
			answer = Response{"error": fmt.Sprint(reason)}
		}
	}()
	answer, err := answers(asked)
	if err != nil {
		return Response{"error": err.Error()}
	}
	return answer
}

// Each decodes every question and gives the answers in the same order.
func Each[Q, A any](questions []json.RawMessage, answer func(*Q) (A, error)) (Response, error) {
	answers := make([]A, len(questions))
	for number, text := range questions {
		var question Q
		if err := json.Unmarshal(text, &question); err != nil {
			return nil, err
		}
		given, err := answer(&question)
		if err != nil {
			return nil, err
		}
		answers[number] = given
	}
	return Response{"answers": answers}, nil
}

// Version is that of the Kubernetes module which is linked in.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, module := range info.Deps {
		if module.Path == "k8s.io/kubernetes" {
			return module.Version
		}
	}
	return "unknown"
}
