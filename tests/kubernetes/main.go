// SPDX-License-Identifier: Apache-2.0

// Command kubernetes answers the questions of kube-service-conformance from
// Kubernetes' own code: label selectors from apimachinery, slices from the
// EndpointSlice controller's reconciler, Services, EndpointSlices and Endpoints
// from the API server's storage with its validation, defaulting and allocators, and the
// variables of containers and the resolv.conf of pods from the kubelet, all in memory.
//
// It is also a worked example of an adapter in Go: main.go and protocol.go are
// the protocol, the other files are the glue to the implementation.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"k8s.io/klog/v2"
)

func main() {
	// Logs would cost more than what they tell of; errors still go to standard error,
	// and standard output belongs to the protocol.
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	resolvConf := flag.String("resolv-conf", "", "the node's own resolv.conf; none if it is empty, as for the kubelet")
	flag.Parse()
	if err := run(*resolvConf); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(resolvConf string) error {
	adapter, err := newAdapter(resolvConf)
	if err != nil {
		return err
	}
	defer adapter.node.end()
	return serve(adapter, os.Stdin, os.Stdout)
}

// serve answers one request a line until `bye` or the end of input.
func serve(adapter *adapter, in io.Reader, out io.Writer) error {
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
		var asked request
		if err := json.Unmarshal(line, &asked); err != nil {
			return fmt.Errorf("a request that is no JSON: %w", err)
		}
		answer := answerOf(adapter, &asked)
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
func answerOf(adapter *adapter, asked *request) (answer response) {
	defer func() {
		if reason := recover(); reason != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", reason, debug.Stack())
			answer = response{"error": fmt.Sprint(reason)}
		}
	}()
	answer, err := adapter.answer(asked)
	if err != nil {
		return response{"error": err.Error()}
	}
	return answer
}

// version is that of the Kubernetes module which is linked in.
func version() string {
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
