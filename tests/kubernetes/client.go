// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientset "k8s.io/client-go/kubernetes"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryclient "k8s.io/client-go/kubernetes/typed/discovery/v1"
	"k8s.io/client-go/tools/cache"
)

// client is the part of the API that the controllers write to. What they write stays
// here, beside the slices that were there before, and can be forgotten again. Any
// other use of it is a nil pointer, which ends the program.
type client struct {
	clientset.Interface
	before cache.Indexer

	mutex     sync.Mutex
	slices    map[namespacedName]*discoveryv1.EndpointSlice
	endpoints map[namespacedName]*corev1.Endpoints
}

func newClient(before cache.Indexer) *client {
	made := &client{before: before}
	made.forget()
	return made
}

// forget makes everything as it was before.
func (c *client) forget() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.slices = map[namespacedName]*discoveryv1.EndpointSlice{}
	c.endpoints = map[namespacedName]*corev1.Endpoints{}
}

// linked gives the slices of a Service that there are by now, whoever wrote them.
func (c *client) linked(to namespacedName) []discoveryv1.EndpointSlice {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	// Every store has this index, which is all that could go wrong.
	before, _ := c.before.ByIndex(cache.NamespaceIndex, to.Namespace)
	found := []discoveryv1.EndpointSlice{}
	add := func(slice *discoveryv1.EndpointSlice) {
		if slice.Namespace == to.Namespace && slice.Labels[discoveryv1.LabelServiceName] == to.Name {
			one := *slice
			one.TypeMeta = metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"}
			found = append(found, one)
		}
	}
	for _, object := range before {
		slice := object.(*discoveryv1.EndpointSlice)
		if _, written := c.slices[nameOf(slice)]; !written {
			add(slice)
		}
	}
	for _, slice := range c.slices {
		// A nil stands for one that was deleted.
		if slice != nil {
			add(slice)
		}
	}
	slices.SortFunc(found, func(a, b discoveryv1.EndpointSlice) int { return cmp.Compare(a.Name, b.Name) })
	return found
}

// legacy gives the Endpoints object of a Service, if there is one.
func (c *client) legacy(of namespacedName) []corev1.Endpoints {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	found := []corev1.Endpoints{}
	if written := c.endpoints[of]; written != nil {
		one := *written
		one.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Endpoints"}
		found = append(found, one)
	}
	return found
}

func (c *client) DiscoveryV1() discoveryclient.DiscoveryV1Interface { return discovery{of: c} }

func (c *client) CoreV1() coreclient.CoreV1Interface { return core{of: c} }

type discovery struct {
	discoveryclient.DiscoveryV1Interface
	of *client
}

func (d discovery) EndpointSlices(namespace string) discoveryclient.EndpointSliceInterface {
	return sliceWriter{of: d.of, namespace: namespace}
}

// sliceWriter does what an API server does to metadata.
type sliceWriter struct {
	discoveryclient.EndpointSliceInterface
	of        *client
	namespace string
}

func (w sliceWriter) Create(
	_ context.Context, slice *discoveryv1.EndpointSlice, _ metav1.CreateOptions,
) (*discoveryv1.EndpointSlice, error) {
	w.of.mutex.Lock()
	defer w.of.mutex.Unlock()
	made := slice.DeepCopy()
	made.Namespace = w.namespace
	for number := 0; made.Name == ""; number++ {
		if name := made.GenerateName + suffix(number); w.get(name) == nil {
			made.Name = name
		}
	}
	if w.get(made.Name) != nil {
		return nil, apierrors.NewAlreadyExists(discoveryv1.Resource("endpointslices"), made.Name)
	}
	made.UID, made.Generation = types.UID(fmt.Sprintf("%s/%s", w.namespace, made.Name)), 1
	w.of.slices[nameOf(made)] = made
	return made, nil
}

func (w sliceWriter) Update(
	_ context.Context, slice *discoveryv1.EndpointSlice, _ metav1.UpdateOptions,
) (*discoveryv1.EndpointSlice, error) {
	w.of.mutex.Lock()
	defer w.of.mutex.Unlock()
	old := w.get(slice.Name)
	if old == nil {
		return nil, apierrors.NewNotFound(discoveryv1.Resource("endpointslices"), slice.Name)
	}
	if old.AddressType != slice.AddressType {
		return nil, apierrors.NewInvalid(discoveryv1.Kind("EndpointSlice"), slice.Name, nil)
	}
	made := slice.DeepCopy()
	made.Namespace, made.UID, made.Generation = w.namespace, old.UID, old.Generation+1
	made.CreationTimestamp, made.DeletionTimestamp = old.CreationTimestamp, old.DeletionTimestamp
	w.of.slices[nameOf(made)] = made
	return made, nil
}

func (w sliceWriter) Delete(_ context.Context, name string, _ metav1.DeleteOptions) error {
	w.of.mutex.Lock()
	defer w.of.mutex.Unlock()
	if w.get(name) == nil {
		return apierrors.NewNotFound(discoveryv1.Resource("endpointslices"), name)
	}
	w.of.slices[namespacedName{w.namespace, name}] = nil
	return nil
}

func (w sliceWriter) get(name string) *discoveryv1.EndpointSlice {
	if written, found := w.of.slices[namespacedName{w.namespace, name}]; found {
		return written
	}
	if before, found, _ := w.of.before.GetByKey(w.namespace + "/" + name); found {
		return before.(*discoveryv1.EndpointSlice)
	}
	return nil
}

// suffix is what the API server draws at random.
func suffix(number int) string {
	letters := []byte("aaaaa")
	for place := len(letters) - 1; number > 0; place-- {
		letters[place] += byte(number % 26)
		number /= 26
	}
	return string(letters)
}

type core struct {
	coreclient.CoreV1Interface
	of *client
}

func (c core) Endpoints(namespace string) coreclient.EndpointsInterface {
	return endpointsWriter{of: c.of, namespace: namespace}
}

func (c core) Events(string) coreclient.EventInterface { return events{} }

// endpointsWriter is only ever asked to make what is not there, and to delete it again.
type endpointsWriter struct {
	coreclient.EndpointsInterface
	of        *client
	namespace string
}

func (w endpointsWriter) Create(
	_ context.Context, item *corev1.Endpoints, _ metav1.CreateOptions,
) (*corev1.Endpoints, error) {
	w.of.mutex.Lock()
	defer w.of.mutex.Unlock()
	made := item.DeepCopy()
	made.Namespace = w.namespace
	w.of.endpoints[nameOf(made)] = made
	return made, nil
}

func (w endpointsWriter) Delete(_ context.Context, name string, _ metav1.DeleteOptions) error {
	w.of.mutex.Lock()
	defer w.of.mutex.Unlock()
	delete(w.of.endpoints, namespacedName{w.namespace, name})
	return nil
}

// events takes what the controllers tell people, and keeps none of it.
type events struct{ coreclient.EventInterface }

func (events) CreateWithEventNamespace(event *corev1.Event) (*corev1.Event, error) { return event, nil }

func (events) UpdateWithEventNamespace(event *corev1.Event) (*corev1.Event, error) { return event, nil }

func (events) PatchWithEventNamespace(event *corev1.Event, _ []byte) (*corev1.Event, error) {
	return event, nil
}
