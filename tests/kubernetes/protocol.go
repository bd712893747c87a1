// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
)

// request is one line of the suite; what an operation needs besides is decoded by it.
type request struct {
	ID        json.Number       `json:"id"`
	Op        string            `json:"op"`
	Cluster   json.RawMessage   `json:"cluster"`
	Questions []json.RawMessage `json:"questions"`
}

type response map[string]any

// adapter holds the applied cluster and the parts that answer.
type adapter struct {
	endpoints *endpointControllers
	services  *apiServers
	admission registries
	node      *kubeletOfNode
}

// newAdapter has a kubelet whose node has this resolv.conf.
func newAdapter(resolvConf string) (*adapter, error) {
	node, err := newKubelet(resolvConf)
	if err != nil {
		return nil, err
	}
	return &adapter{newEndpointControllers(), newAPIServers(), newRegistries(), node}, nil
}

func (a *adapter) apply(cluster json.RawMessage) error {
	if err := a.endpoints.apply(cluster); err != nil {
		return err
	}
	return a.node.apply(cluster)
}

func (a *adapter) answer(asked *request) (response, error) {
	switch asked.Op {
	case "hello":
		return response{
			"protocol": 1,
			"name":     "kubernetes",
			"version":  version(),
			"operations": []string{
				"apply", "select", "endpoint_slices", "synced_slices", "endpoints", "mirrored_slices", "admit",
				"admit_endpoints", "environment", "resolver_configs",
			},
		}, nil
	case "bye":
		return response{}, nil
	case "apply":
		return response{}, a.apply(asked.Cluster)
	case "select":
		return each(asked.Questions, selects)
	case "endpoint_slices":
		return each(asked.Questions, a.endpoints.endpointSlices)
	case "synced_slices":
		return each(asked.Questions, a.endpoints.syncedSlices)
	case "endpoints":
		return each(asked.Questions, a.endpoints.legacyEndpoints)
	case "mirrored_slices":
		return each(asked.Questions, a.endpoints.mirroredSlices)
	case "admit":
		return each(asked.Questions, a.services.admit)
	case "admit_endpoints":
		return each(asked.Questions, a.admission.admit)
	case "environment":
		return each(asked.Questions, a.node.environment)
	case "resolver_configs":
		return each(asked.Questions, a.node.resolverConfig)
	}
	return nil, fmt.Errorf("unknown operation %q", asked.Op)
}

// each decodes every question and gives the answers in the same order.
func each[Q, A any](questions []json.RawMessage, answer func(*Q) (A, error)) (response, error) {
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
	return response{"answers": answers}, nil
}
