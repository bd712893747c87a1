// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	clientset "k8s.io/client-go/kubernetes"
	discoveryclient "k8s.io/client-go/kubernetes/typed/discovery/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/endpointslice"
	"k8s.io/endpointslice/topologycache"
	endpointsliceutil "k8s.io/endpointslice/util"
	"k8s.io/klog/v2"
	controller "k8s.io/kubernetes/pkg/controller/endpointslice"
)

// As kube-controller-manager has it (--max-endpoints-per-slice).
const maxEndpointsPerSlice = 100

type namespacedName struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// endpointController drives the reconciler of the EndpointSlice controller on
// one cluster at a time. The controller itself only feeds it from informers;
// what it decides before is in slicesOf.
type endpointController struct {
	logger   klog.Logger
	services map[namespacedName]*corev1.Service
	pods     corelisters.PodLister
	written  *written

	reconciler *endpointslice.Reconciler
}

func newEndpointController() *endpointController {
	made := &endpointController{logger: klog.Background()}
	made.set(nil, nil, nil)
	return made
}

// apply makes the objects of a cluster the state, from which slices follow when
// they are asked for.
func (c *endpointController) apply(cluster json.RawMessage) error {
	var listed struct {
		Objects []json.RawMessage `json:"objects"`
	}
	if err := json.Unmarshal(cluster, &listed); err != nil {
		return err
	}
	var services []*corev1.Service
	var pods []*corev1.Pod
	var nodes []*corev1.Node
	for _, text := range listed.Objects {
		var kind metav1.TypeMeta
		if err := json.Unmarshal(text, &kind); err != nil {
			return err
		}
		switch kind.Kind {
		case "Service":
			object := &corev1.Service{}
			if err := json.Unmarshal(text, object); err != nil {
				return err
			}
			services = append(services, object)
		case "Pod":
			object := &corev1.Pod{}
			if err := json.Unmarshal(text, object); err != nil {
				return err
			}
			pods = append(pods, object)
		case "Node":
			object := &corev1.Node{}
			if err := json.Unmarshal(text, object); err != nil {
				return err
			}
			nodes = append(nodes, object)
		}
	}
	c.set(services, pods, nodes)
	return nil
}

func (c *endpointController) set(services []*corev1.Service, pods []*corev1.Pod, nodes []*corev1.Node) {
	c.services = map[namespacedName]*corev1.Service{}
	for _, service := range services {
		c.services[namespacedName{service.Namespace, service.Name}] = service
	}
	podIndexer := cache.NewIndexer(
		cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc},
	)
	for _, pod := range pods {
		podIndexer.Add(pod)
	}
	nodeIndexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	for _, node := range nodes {
		nodeIndexer.Add(node)
	}
	c.pods = corelisters.NewPodLister(podIndexer)
	c.written = &written{}
	topology := topologycache.NewTopologyCache()
	topology.SetNodes(c.logger, nodes)
	c.reconciler = endpointslice.NewReconciler(
		client{written: c.written},
		corelisters.NewNodeLister(nodeIndexer),
		maxEndpointsPerSlice,
		endpointsliceutil.NewEndpointSliceTracker(),
		topology,
		&record.FakeRecorder{},
		controller.ControllerName,
		endpointslice.WithPreferSameTrafficDistributionEnabled(true),
	)
}

// slicesOf gives the slices that the reconciler writes for a Service, from none.
func (c *endpointController) slicesOf(name *namespacedName) ([]discoveryv1.EndpointSlice, error) {
	none := []discoveryv1.EndpointSlice{}
	service := c.services[*name]
	// As the controller's syncService. An empty selector does not survive the API.
	if service == nil || service.Spec.Type == corev1.ServiceTypeExternalName || len(service.Spec.Selector) == 0 {
		return none, nil
	}
	selector := labels.Set(service.Spec.Selector).AsSelectorPreValidated()
	pods, err := c.pods.Pods(service.Namespace).List(selector)
	if err != nil {
		return nil, err
	}
	c.written.slices = none
	// The controller tries again after an error, such as a pod on a node that is
	// gone; what could be written is written all the same.
	if err := c.reconciler.Reconcile(c.logger, service, pods, nil, time.Time{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return c.written.slices, nil
}

// written is what the reconciler wrote.
type written struct {
	slices []discoveryv1.EndpointSlice
}

// client is the part of the API that the reconciler writes to; any other use of
// it is a nil pointer, which the caller is told of.
type client struct {
	clientset.Interface
	written *written
}

func (c client) DiscoveryV1() discoveryclient.DiscoveryV1Interface {
	return discovery{written: c.written}
}

type discovery struct {
	discoveryclient.DiscoveryV1Interface
	written *written
}

func (d discovery) EndpointSlices(namespace string) discoveryclient.EndpointSliceInterface {
	return sliceWriter{written: d.written, namespace: namespace}
}

type sliceWriter struct {
	discoveryclient.EndpointSliceInterface
	written   *written
	namespace string
}

func (w sliceWriter) Create(
	_ context.Context, slice *discoveryv1.EndpointSlice, _ metav1.CreateOptions,
) (*discoveryv1.EndpointSlice, error) {
	made := slice.DeepCopy()
	made.Namespace = w.namespace
	made.APIVersion, made.Kind = "discovery.k8s.io/v1", "EndpointSlice"
	// The API server makes a name of a prefix.
	if made.Name == "" {
		made.Name = made.GenerateName + suffix(len(w.written.slices))
	}
	w.written.slices = append(w.written.slices, *made)
	return made, nil
}

func suffix(number int) string {
	letters := []byte("aaaaa")
	for place := len(letters) - 1; number > 0; place-- {
		letters[place] += byte(number % 26)
		number /= 26
	}
	return string(letters)
}
