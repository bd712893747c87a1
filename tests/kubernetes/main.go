// SPDX-License-Identifier: Apache-2.0

// Command kubernetes answers the questions of kube-service-conformance from
// Kubernetes' own code: label selectors from apimachinery, slices from the
// EndpointSlice controller's reconciler, and Services, EndpointSlices and Endpoints
// from the API server's storage with its validation, defaulting and allocators, all
// in memory.
//
// It is also a worked example of an adapter in Go: the package jsonlines is the protocol,
// protocol.go names what is offered, the other files are the glue to the implementation.
package main

import (
	"fmt"
	"io"
	"os"

	"k8s.io/klog/v2"

	"kube-service-conformance/tests/kubernetes/jsonlines"
)

func main() {
	// Logs would cost more than what they tell of; errors still go to standard error,
	// and standard output belongs to the protocol.
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	if err := jsonlines.Serve(os.Stdin, os.Stdout, newAdapter().answer); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
