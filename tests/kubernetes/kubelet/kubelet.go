// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/kubelet"
	"k8s.io/kubernetes/pkg/kubelet/cm"
	kubecontainer "k8s.io/kubernetes/pkg/kubelet/container"
	"k8s.io/kubernetes/pkg/kubelet/network/dns"
	"k8s.io/kubernetes/pkg/kubelet/volumemanager"
	netutils "k8s.io/utils/net"
)

type namespacedName struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

func nameOf(object metav1.Object) namespacedName {
	return namespacedName{object.GetNamespace(), object.GetName()}
}

// settings are those of a cluster that the kubelet has in its configuration.
type settings struct {
	ClusterDomain string   `json:"clusterDomain"`
	ClusterDNS    []string `json:"clusterDNS"`
}

// containerName is one question: a container, as of its start.
type containerName struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Container string `json:"container"`
}

// environment is one answer: the variables, or why the container is not started.
type environment struct {
	Variables map[string]string `json:"variables,omitempty"`
	Error     string            `json:"error,omitempty"`
}

type resolverConfig struct {
	Nameservers []string                    `json:"nameservers"`
	Searches    []string                    `json:"searches"`
	Options     []corev1.PodDNSConfigOption `json:"options"`
}

// adapter has the kubelet as far as it makes what a container is started with.
//
// That is a kubelet.Kubelet of which only those parts are there that its
// GenerateRunContainerOptions looks at. They are not exported, and are put in by name.
// A start is asked about as of its moment: the informer of Services held what had been
// created by then. The addresses of the pod are left out: nothing that is asked about
// needs them, and without them no hosts file is written to the disk.
type adapter struct {
	kubelet    *kubelet.Kubelet
	dns        *dns.Configurer
	resolvConf string

	services  *servicesAt
	pods      map[namespacedName]*corev1.Pod
	configs   configMaps
	startable map[containerName]startable
}

// startable is a container of a pod, and the second of its last start.
type startable struct {
	pod       *corev1.Pod
	container *corev1.Container
	at        int64
}

// The address of the node, which decides nothing where there is a resolv.conf.
var nodeIP = netutils.ParseIPSloppy("192.0.2.1")

// newAdapter has a node with this resolv.conf, or with none.
func newAdapter(resolvConf string) *adapter {
	made := &adapter{
		kubelet:    &kubelet.Kubelet{},
		resolvConf: resolvConf,
		services:   &servicesAt{},
		configs:    configMaps{},
	}
	made.put("containerManager", cm.NewStubContainerManager())
	made.put("volumeManager", volumemanager.NewFakeVolumeManager(nil, 0, nil, false))
	made.put("serviceLister", made.services)
	made.put("serviceHasSynced", func() bool { return true })
	made.put("configMapManager", made.configs)
	// It only has to be there.
	made.put("kubeClient", clientset.New(nil))
	made.use(&settings{}, nil, nil, nil)
	return made
}

// put sets a field of the kubelet that is not exported.
func (a *adapter) put(name string, value any) {
	field := reflect.ValueOf(a.kubelet).Elem().FieldByName(name)
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(value).Convert(field.Type()))
}

// withDirectory does something while the kubelet has a directory for a pod.
func (a *adapter) withDirectory(pod *corev1.Pod, do func()) error {
	root, err := os.MkdirTemp("", "kubelet-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	if err := os.MkdirAll(filepath.Join(root, "pods", string(pod.UID)), 0o700); err != nil {
		return err
	}
	a.put("rootDirectory", root)
	do()
	return nil
}

// apply makes a cluster the state, whatever it was before.
func (a *adapter) apply(text json.RawMessage) error {
	var applied struct {
		Settings settings          `json:"settings"`
		Objects  []json.RawMessage `json:"objects"`
	}
	if err := json.Unmarshal(text, &applied); err != nil {
		return err
	}
	var services []*corev1.Service
	var pods []*corev1.Pod
	var configs []*corev1.ConfigMap
	for _, object := range applied.Objects {
		var kind struct {
			Kind string `json:"kind"`
		}
		err := json.Unmarshal(object, &kind)
		switch {
		case err != nil:
		case kind.Kind == "Service":
			services, err = appended(services, object)
		case kind.Kind == "Pod":
			pods, err = appended(pods, object)
		case kind.Kind == "ConfigMap":
			configs, err = appended(configs, object)
		}
		if err != nil {
			return err
		}
	}
	a.use(&applied.Settings, services, pods, configs)
	return nil
}

func appended[T any](objects []*T, text json.RawMessage) ([]*T, error) {
	object := new(T)
	err := json.Unmarshal(text, object)
	return append(objects, object), err
}

func (a *adapter) use(set *settings, services []*corev1.Service, pods []*corev1.Pod, configs []*corev1.ConfigMap) {
	a.services.all = services
	clear(a.configs)
	for _, each := range configs {
		a.configs[nameOf(each)] = each
	}
	a.pods = map[namespacedName]*corev1.Pod{}
	a.startable = map[containerName]startable{}
	for _, pod := range pods {
		a.pods[nameOf(pod)] = pod
		a.startables(pod, pod.Spec.Containers, pod.Status.ContainerStatuses)
		a.startables(pod, pod.Spec.InitContainers, pod.Status.InitContainerStatuses)
	}
	a.dns = dns.NewConfigurer(
		&record.FakeRecorder{}, &corev1.ObjectReference{}, []net.IP{nodeIP},
		addressesOf(set.ClusterDNS), set.ClusterDomain, a.resolvConf,
	)
	a.put("dnsConfigurer", a.dns)
}

func addressesOf(texts []string) []net.IP {
	made := make([]net.IP, len(texts))
	for number, text := range texts {
		made[number] = netutils.ParseIPSloppy(text)
	}
	return made
}

func (a *adapter) startables(pod *corev1.Pod, containers []corev1.Container, statuses []corev1.ContainerStatus) {
	for number := range containers {
		container := &containers[number]
		for _, status := range statuses {
			if running := status.State.Running; status.Name == container.Name && running != nil {
				name := containerName{pod.Namespace, pod.Name, container.Name}
				a.startable[name] = startable{pod, container, running.StartedAt.Unix()}
			}
		}
	}
}

// environment gives the variables with which a container was started.
func (a *adapter) environment(of *containerName) (environment, error) {
	found, ok := a.startable[*of]
	if !ok {
		return environment{Error: "there is no such container that was started"}, nil
	}
	a.services.moment = found.at
	var options *kubecontainer.RunContainerOptions
	var err error
	generate := func() {
		options, _, err = a.kubelet.GenerateRunContainerOptions(silent, found.pod, found.container, "", nil, nil)
	}
	if found.pod.Spec.HostNetwork {
		// Such a pod gets a hosts file in any case.
		if err := a.withDirectory(found.pod, generate); err != nil {
			return environment{}, err
		}
	} else {
		generate()
	}
	if err != nil {
		return environment{Error: err.Error()}, nil
	}
	made := environment{Variables: map[string]string{}}
	for _, variable := range options.Envs {
		if _, twice := made.Variables[variable.Name]; twice {
			return environment{}, fmt.Errorf("%s is there twice", variable.Name)
		}
		made.Variables[variable.Name] = variable.Value
	}
	return made, nil
}

// resolverConfig gives the resolv.conf of a pod.
func (a *adapter) resolverConfig(of *namespacedName) (resolverConfig, error) {
	pod, ok := a.pods[*of]
	if !ok {
		return resolverConfig{}, nil
	}
	made, err := a.dns.GetPodDNS(silent, pod)
	if err != nil {
		return resolverConfig{}, err
	}
	return resolverConfig{made.Servers, made.Searches, optionsOf(made.Options)}, nil
}

// optionsOf takes each `name:value` apart, as a resolver does.
func optionsOf(texts []string) []corev1.PodDNSConfigOption {
	made := make([]corev1.PodDNSConfigOption, len(texts))
	for number, text := range texts {
		name, value, has := strings.Cut(text, ":")
		made[number].Name = name
		if has {
			made[number].Value = &value
		}
	}
	return made
}

// Logging would cost more than what is logged.
var silent = klog.NewContext(context.Background(), klog.Logger{})

// servicesAt is what an informer of Services held at a moment.
type servicesAt struct {
	all    []*corev1.Service
	moment int64
}

func (s *servicesAt) List(selector labels.Selector) ([]*corev1.Service, error) {
	var found []*corev1.Service
	for _, service := range s.all {
		if service.CreationTimestamp.Unix() <= s.moment && selector.Matches(labels.Set(service.Labels)) {
			found = append(found, service)
		}
	}
	return found, nil
}

// configMaps are in the place of the kubelet's cache of ConfigMaps.
type configMaps map[namespacedName]*corev1.ConfigMap

func (c configMaps) GetConfigMap(namespace, name string) (*corev1.ConfigMap, error) {
	if found, ok := c[namespacedName{namespace, name}]; ok {
		return found, nil
	}
	return nil, apierrors.NewNotFound(corev1.Resource("configmaps"), name)
}

func (c configMaps) RegisterPod(*corev1.Pod) {}

func (c configMaps) UnregisterPod(*corev1.Pod) {}
