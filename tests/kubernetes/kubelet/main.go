// SPDX-License-Identifier: Apache-2.0

// Command kubelet answers the questions of kube-service-conformance from the kubelet's own
// code: the variables with which containers are started, and the resolv.conf of pods.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"k8s.io/klog/v2"

	"kube-service-conformance/tests/kubernetes/jsonlines"
)

func main() {
	resolvConf := flag.String("resolv-conf", "", "the node's own resolv.conf; empty for none, as for the kubelet")
	flag.Parse()
	// Logs would cost more than what they tell of; errors still go to standard error,
	// and standard output belongs to the protocol.
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	if err := jsonlines.Serve(os.Stdin, os.Stdout, newAdapter(*resolvConf).answer); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (a *adapter) answer(asked *jsonlines.Request) (jsonlines.Response, error) {
	switch asked.Op {
	case "hello":
		return jsonlines.Response{
			"protocol":   1,
			"name":       "kubelet",
			"version":    jsonlines.Version(),
			"operations": []string{"apply", "environment", "resolver_configs"},
		}, nil
	case "bye":
		return jsonlines.Response{}, nil
	case "apply":
		return jsonlines.Response{}, a.apply(asked.Cluster)
	case "environment":
		return jsonlines.Each(asked.Questions, a.environment)
	case "resolver_configs":
		return jsonlines.Each(asked.Questions, a.resolverConfig)
	}
	return nil, fmt.Errorf("unknown operation %q", asked.Op)
}
