// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	api "k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	"k8s.io/kubernetes/pkg/registry/core/service/ipallocator"
	"k8s.io/kubernetes/pkg/registry/core/service/portallocator"
	"k8s.io/kubernetes/pkg/registry/core/service/storage"
	netutils "k8s.io/utils/net"
)

// session is one question: requests to an API server that holds these Services.
type session struct {
	Settings settings         `json:"settings"`
	Requests []apiRequest     `json:"requests"`
	Services []map[string]any `json:"services"`
}

type apiRequest struct {
	Verb    string         `json:"verb"`
	Service map[string]any `json:"service"`
	DryRun  bool           `json:"dryRun"`
}

type apiResponse struct {
	Code    int32           `json:"code"`
	Service json.RawMessage `json:"service,omitempty"`
	Causes  []cause         `json:"causes,omitempty"`
}

type cause struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// apiServer is the API server's storage of Services. Building one is dear, so it
// is kept, and each session gets empty objects and allocators.
type apiServer struct {
	objects    *memory
	services   *storage.REST
	status     *storage.StatusREST
	addresses  *addresses
	allocators map[api.IPFamily]ipallocator.Interface
	ports      *portRange
}

// portRange is an allocator that can be replaced by a fresh one.
type portRange struct{ portallocator.Interface }

// apiServers are those that were built, by the ranges of addresses that they know.
type apiServers struct {
	built map[string]*apiServer
	codec runtime.Codec
}

func newAPIServers() *apiServers {
	codec := legacyscheme.Codecs.LegacyCodec(corev1.SchemeGroupVersion)
	return &apiServers{built: map[string]*apiServer{}, codec: codec}
}

// admit answers the requests of a session in their order.
func (s *apiServers) admit(asked *session) ([]apiResponse, error) {
	server, err := s.fresh(asked.Settings)
	if err != nil {
		return nil, err
	}
	for _, body := range asked.Services {
		if err := s.put(server, body); err != nil {
			return nil, err
		}
	}
	answers := make([]apiResponse, len(asked.Requests))
	for number := range asked.Requests {
		answers[number] = s.answer(server, &asked.Requests[number])
	}
	return answers, nil
}

// fresh is an API server for these settings that holds nothing.
func (s *apiServers) fresh(of settings) (*apiServer, error) {
	first, last := of.NodePortRange[0], of.NodePortRange[1]
	ports, err := portallocator.NewInMemory(utilnet.PortRange{Base: first, Size: last - first + 1})
	if err != nil {
		return nil, err
	}
	key := strings.Join(of.ServiceCIDRs, ",")
	if s.built[key] == nil {
		if s.built[key], err = s.build(of.ServiceCIDRs); err != nil {
			return nil, err
		}
	}
	server := s.built[key]
	server.objects.clear()
	server.ports.Interface = ports
	return server, server.addresses.clear()
}

// put stores a Service as an earlier server left it, whatever today's rules say of
// it, and takes what it has, as the repair controllers of the API server do.
func (s *apiServers) put(server *apiServer, body map[string]any) error {
	service, err := s.decoded(body)
	if err != nil {
		return err
	}
	ctx := contextOf(&apiRequest{Verb: "create"}, service)
	key, err := server.services.KeyFunc(ctx, service.Name)
	if err != nil {
		return err
	}
	for _, text := range service.Spec.ClusterIPs {
		address := netutils.ParseIPSloppy(text)
		// Of a family that the cluster does not have any more nothing is given out.
		if allocator := server.allocators[familyOf(netutils.IsIPv6(address))]; address != nil && allocator != nil {
			if err := allocator.Allocate(address); err != nil {
				return err
			}
		}
	}
	ports := []int32{service.Spec.HealthCheckNodePort}
	for _, port := range service.Spec.Ports {
		ports = append(ports, port.NodePort)
	}
	for _, port := range ports {
		if port != 0 && !server.ports.Has(int(port)) {
			if err := server.ports.Allocate(int(port)); err != nil {
				return err
			}
		}
	}
	return server.objects.Create(ctx, key, service, nil, 0)
}

func familyOf(isIPv6 bool) api.IPFamily {
	if isIPv6 {
		return api.IPv6Protocol
	}
	return api.IPv4Protocol
}

func (s *apiServers) build(cidrs []string) (*apiServer, error) {
	addresses, err := newAddresses(cidrs)
	if err != nil {
		return nil, err
	}
	made := &apiServer{objects: &memory{codec: s.codec}, addresses: addresses, ports: &portRange{}}
	var families []api.IPFamily
	made.allocators = map[api.IPFamily]ipallocator.Interface{}
	for _, cidr := range cidrs {
		isIPv6 := netutils.IsIPv6CIDRString(cidr)
		family := familyOf(isIPv6)
		if made.allocators[family] != nil {
			continue
		}
		families = append(families, family)
		if made.allocators[family], err = addresses.allocator(isIPv6); err != nil {
			return nil, err
		}
	}
	services, status, _, err := storage.NewREST(
		made.objects.options(), families[0], made.allocators, made.ports, nil, nil, nil,
	)
	made.services, made.status = services, status
	return made, err
}

func (s *apiServers) answer(server *apiServer, asked *apiRequest) (given apiResponse) {
	// As the API server's handler chain does: a panic is an internal error.
	defer func() {
		if reason := recover(); reason != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", reason, debug.Stack())
			given = apiResponse{Code: http.StatusInternalServerError}
		}
	}()
	object, code, err := s.carryOut(server, asked)
	if err != nil {
		return refused(err)
	}
	if asked.Verb == "delete" {
		return apiResponse{Code: code}
	}
	text, err := runtime.Encode(s.codec, object)
	if err != nil {
		return refused(err)
	}
	return apiResponse{Code: code, Service: text}
}

// carryOut does what the API server's handlers do with a request once it is decoded.
func (s *apiServers) carryOut(server *apiServer, asked *apiRequest) (runtime.Object, int32, error) {
	service, err := s.decoded(asked.Service)
	if err != nil {
		return nil, 0, err
	}
	ctx := contextOf(asked, service)
	var dryRun []string
	if asked.DryRun {
		dryRun = []string{metav1.DryRunAll}
	}
	any, anyUpdate := rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc
	info := rest.DefaultUpdatedObjectInfo(service)
	switch asked.Verb {
	case "create":
		made, err := server.services.Create(ctx, service, any, &metav1.CreateOptions{DryRun: dryRun})
		return made, 201, err
	case "update":
		options := &metav1.UpdateOptions{DryRun: dryRun}
		made, created, err := server.services.Update(ctx, service.Name, info, any, anyUpdate, false, options)
		if created {
			return made, 201, err
		}
		return made, 200, err
	case "update-status":
		options := &metav1.UpdateOptions{DryRun: dryRun}
		made, _, err := server.status.Update(ctx, service.Name, info, any, anyUpdate, false, options)
		return made, 200, err
	case "delete":
		made, _, err := server.services.Delete(ctx, service.Name, any, &metav1.DeleteOptions{DryRun: dryRun})
		return made, 200, err
	}
	return nil, 0, fmt.Errorf("unknown verb %q", asked.Verb)
}

// contextOf says what the API server's handler chain knows of a request;
// declarative validation looks at it.
func contextOf(asked *apiRequest, service *api.Service) context.Context {
	verb, subresource, _ := strings.Cut(asked.Verb, "-")
	return genericapirequest.WithRequestInfo(
		genericapirequest.WithNamespace(context.Background(), service.Namespace),
		&genericapirequest.RequestInfo{
			IsResourceRequest: true,
			Verb:              verb,
			APIPrefix:         "api",
			APIVersion:        "v1",
			Namespace:         service.Namespace,
			Resource:          "services",
			Subresource:       subresource,
			Name:              service.Name,
		},
	)
}

// decoded is the body of a request, defaulted as the API server does it.
func (s *apiServers) decoded(body map[string]any) (*api.Service, error) {
	// Clients do not choose these.
	if metadata, ok := body["metadata"].(map[string]any); ok {
		delete(metadata, "uid")
		delete(metadata, "creationTimestamp")
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	service := &api.Service{}
	return service, runtime.DecodeInto(s.codec, text, service)
}

// refused is an error as a client sees it.
func refused(err error) apiResponse {
	status := responsewriters.ErrorToAPIStatus(err)
	answer := apiResponse{Code: status.Code}
	if status.Details != nil {
		for _, one := range status.Details.Causes {
			// FieldValueInvalid is the reason Invalid.
			reason := strings.TrimPrefix(string(one.Type), "FieldValue")
			answer.Causes = append(answer.Causes, cause{one.Field, reason})
		}
	}
	return answer
}
