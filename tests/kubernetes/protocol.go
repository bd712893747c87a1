// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"kube-service-conformance/tests/kubernetes/jsonlines"
)

// adapter holds the applied cluster and the parts that answer.
type adapter struct {
	endpoints *endpointControllers
	services  *apiServers
	admission registries
}

func newAdapter() *adapter {
	return &adapter{endpoints: newEndpointControllers(), services: newAPIServers(), admission: newRegistries()}
}

func (a *adapter) answer(asked *jsonlines.Request) (jsonlines.Response, error) {
	switch asked.Op {
	case "hello":
		return jsonlines.Response{
			"protocol": 1,
			"name":     "kubernetes",
			"version":  jsonlines.Version(),
			"operations": []string{
				"apply", "select", "endpoint_slices", "synced_slices", "endpoints", "mirrored_slices", "admit",
				"admit_endpoints",
			},
		}, nil
	case "bye":
		return jsonlines.Response{}, nil
	case "apply":
		return jsonlines.Response{}, a.endpoints.apply(asked.Cluster)
	case "select":
		return jsonlines.Each(asked.Questions, selects)
	case "endpoint_slices":
		return jsonlines.Each(asked.Questions, a.endpoints.endpointSlices)
	case "synced_slices":
		return jsonlines.Each(asked.Questions, a.endpoints.syncedSlices)
	case "endpoints":
		return jsonlines.Each(asked.Questions, a.endpoints.legacyEndpoints)
	case "mirrored_slices":
		return jsonlines.Each(asked.Questions, a.endpoints.mirroredSlices)
	case "admit":
		return jsonlines.Each(asked.Questions, a.services.admit)
	case "admit_endpoints":
		return jsonlines.Each(asked.Questions, a.admission.admit)
	}
	return nil, fmt.Errorf("unknown operation %q", asked.Op)
}
