// SPDX-License-Identifier: Apache-2.0

using Weir.Api;
using Weir.Control;
using Weir.Datapath;
using Weir.Datapath.Abi;

namespace Weir.Agent;

/// <summary>The API's part for the load balancer.</summary>
internal sealed class BalancerAnswers(ControlPlane control, Datapath.Datapath datapath)
{
    internal async Task<UpdateServiceResponse> UpdateAsync(UpdateServiceRequest request, CancellationToken cancel)
    {
        ServiceOutcome outcome = await control.Services.UpdateAsync(
            new ServiceUpdate
            {
                Name = request.Name,
                Frontends = request.Frontends,
                Backends = request.Backends,
                NoBackends = request.NoBackends,
                Selector = request.Selector,
                TargetPort = request.TargetPort,
                Mode = request.Mode,
                Affinity = request.Affinity,
                HealthCheck = request.HealthCheck,
            },
            cancel);
        var response = new UpdateServiceResponse();
        response.Problems.AddRange(outcome.Problems.Select(Translate.Problem));
        if (!outcome.HasErrors)
        {
            response.Change = outcome.Changes[0].Change;
            response.Service = Service(control.Services.List(request.Name)[0]);
        }

        return response;
    }

    internal async Task<ApplyServicesResponse> ApplyAsync(ApplyServicesRequest request, CancellationToken cancel)
    {
        ServiceOutcome outcome = await control.Services.ApplyAsync([.. request.Files.Select(file => (file.Name, file.Text))], request.DryRun, cancel);
        var response = new ApplyServicesResponse();
        response.Problems.AddRange(outcome.Problems.Select(Translate.Problem));
        response.Services.AddRange(outcome.Changes.Select(change => new ChangedService
        {
            Name = change.Name,
            Change = change.Change,
            Frontends = change.Frontends,
            Backends = change.Backends,
        }));
        return response;
    }

    internal async Task<DeleteServicesResponse> DeleteAsync(DeleteServicesRequest request, CancellationToken cancel)
    {
        (IReadOnlyList<string> names, IReadOnlyList<Policy.Problem> problems) = await control.Services.DeleteAsync(request.Names, request.All, cancel);
        return new DeleteServicesResponse { Names = { names }, Problems = { problems.Select(Translate.Problem) } };
    }

    internal ListServicesResponse List(ListServicesRequest request)
    {
        var response = new ListServicesResponse();
        response.Services.AddRange(control.Services.List(request.Name).Select(Service));
        response.Devices.AddRange(control.Services.Devices.Select(device => new Api.BalancedDevice { Name = device.Name, How = device.How, IsServed = device.IsServed }));
        return response;
    }

    internal async Task<Service> DrainAsync(DrainBackendRequest request, CancellationToken cancel) =>
        Service(await control.Services.DrainAsync(request.Name, request.Backend, request.Undo, cancel));

    internal ChangePrefilterResponse ChangePrefilter(ChangePrefilterRequest request)
    {
        (int added, int removed, int total) = control.Prefilter.Change(request.Add, request.Remove);
        return new ChangePrefilterResponse { Added = added, Removed = removed, Total = total };
    }

    internal ListPrefilterResponse ListPrefilter()
    {
        MetricsRow dropped = datapath.Metrics().FirstOrDefault(row => row.Reason == DropReason.Prefilter);
        var response = new ListPrefilterResponse { DroppedPackets = dropped.Packets, DroppedBytes = dropped.Bytes };
        response.Rows.AddRange(control.Prefilter.All.Select(prefix => new PrefilterRow { Prefix = prefix.ToString() }));
        return response;
    }

    internal IEnumerable<ServiceMetrics> Metrics() => control.Services.List().Select(view =>
    {
        var metrics = new ServiceMetrics
        {
            Service = view.Spec.Name,
            Backends = (uint)view.Backends.Count,
            BackendsActive = (uint)view.Backends.Count(backend => backend.State == BackendState.Active),
        };
        metrics.Frontends.AddRange(view.Frontends.Select(Frontend));
        return metrics;
    });

    private static Frontend Frontend(FrontendView frontend) => new()
    {
        Address = frontend.Address.ToString(),
        Id = frontend.Id,
        Packets = frontend.Packets,
        Bytes = frontend.Bytes,
        Connects = frontend.Connects,
    };

    private static Service Service(ServiceView view)
    {
        var service = new Service
        {
            Name = view.Spec.Name,
            Mode = Weir.Services.ServiceModeNames.Name(view.Spec.Mode),
            AffinitySeconds = (uint)view.Spec.AffinitySeconds,
            HealthCheck = view.Spec.HealthCheck?.ToString() ?? "",
            Selector = view.Spec.Selector is { } selector ? $"{selector} port {view.Spec.TargetPort}" : "",
            Source = view.Source,
            State = view.State,
            Changing = view.IsChanging,
            Slots = (uint)view.Slots,
            Behind = { view.Behind },
        };
        service.Frontends.AddRange(view.Frontends.Select(Frontend));
        service.Backends.AddRange(view.Backends.Select(backend => new Backend
        {
            Address = backend.Spec.Address.ToString(),
            Weight = (uint)backend.Spec.Weight,
            State = backend.State.ToString().ToLowerInvariant(),
            Detail = backend.Detail,
            Endpoint = backend.Endpoint,
            Node = backend.Node,
            Slots = (uint)backend.Slots,
        }));
        return service;
    }
}
