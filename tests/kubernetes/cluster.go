// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

type namespacedName struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

func nameOf(object metav1.Object) namespacedName {
	return namespacedName{object.GetNamespace(), object.GetName()}
}

// cluster is what was applied, as far as controllers see it: what informers hold.
type cluster struct {
	services, pods, nodes, slices cache.Indexer
	maxEndpointsPerSlice          int32
}

// newCluster is one without objects.
func newCluster() *cluster {
	return &cluster{newIndexer(), newIndexer(), newIndexer(), newIndexer(), defaultMaxEndpointsPerSlice}
}

// settings are those of a cluster; the areas that are answered here need no others.
type settings struct {
	ServiceCIDRs         []string `json:"serviceCIDRs"`
	NodePortRange        []int    `json:"nodePortRange"`
	MaxEndpointsPerSlice *int32   `json:"maxEndpointsPerSlice"`
}

// As kube-controller-manager has it where no flag says otherwise.
const (
	defaultMaxEndpointsPerSlice = 100
	maxMirroredPerSubset        = 1000
)

// decoded reads the cluster of an `apply`; kinds that no controller here looks at are left out.
func decoded(text json.RawMessage) (*cluster, error) {
	var applied struct {
		Settings settings          `json:"settings"`
		Objects  []json.RawMessage `json:"objects"`
	}
	if err := json.Unmarshal(text, &applied); err != nil {
		return nil, err
	}
	made := newCluster()
	if most := applied.Settings.MaxEndpointsPerSlice; most != nil {
		made.maxEndpointsPerSlice = *most
	}
	for _, object := range applied.Objects {
		if err := made.add(object); err != nil {
			return nil, err
		}
	}
	return made, nil
}

func (c *cluster) add(text json.RawMessage) error {
	var kind metav1.TypeMeta
	if err := json.Unmarshal(text, &kind); err != nil {
		return err
	}
	var object runtime.Object
	var to cache.Indexer
	switch kind.Kind {
	case "Service":
		object, to = &corev1.Service{}, c.services
	case "Pod":
		object, to = &corev1.Pod{}, c.pods
	case "Node":
		object, to = &corev1.Node{}, c.nodes
	case "EndpointSlice":
		object, to = &discoveryv1.EndpointSlice{}, c.slices
	default:
		return nil
	}
	if err := json.Unmarshal(text, object); err != nil {
		return err
	}
	// What an informer holds does not say its kind, and no selector is empty: neither
	// survives the way from the API server.
	object.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	if service, ok := object.(*corev1.Service); ok && len(service.Spec.Selector) == 0 {
		service.Spec.Selector = nil
	}
	return to.Add(object)
}

// service is the Service of a name, or nil.
func (c *cluster) service(name namespacedName) *corev1.Service {
	found, exists, _ := c.services.GetByKey(name.Namespace + "/" + name.Name)
	if !exists {
		return nil
	}
	return found.(*corev1.Service)
}
