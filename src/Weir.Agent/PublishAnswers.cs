// SPDX-License-Identifier: Apache-2.0

using Weir.Api;
using Weir.Control;
using Weir.Net;

namespace Weir.Agent;

/// <summary>The API's part for published ports.</summary>
internal sealed class PublishAnswers(ControlPlane control)
{
    internal ListPublishedResponse List()
    {
        var response = new ListPublishedResponse { Setting = control.Published.Setting };
        response.Ports.AddRange(control.Published.All.Select(Port));
        response.Unused.AddRange(control.Published.Unused.Select(allowance => new PublishAllowance
        {
            Container = allowance.Container,
            HostPort = allowance.Port,
            Protocol = allowance.Protocol.Name(),
            From = { allowance.From.Select(source => source.ToString()) },
        }));
        response.RoutedNetworks.AddRange(control.Published.RoutedNetworks.Select(network => network.Label));
        return response;
    }

    internal ChangePublishResponse Change(ChangePublishRequest request)
    {
        PublishedPortView? port = request.Deny
            ? control.Published.Deny(request.Container, request.Port, request.From)
            : control.Published.Allow(request.Container, request.Port, request.From);
        return new ChangePublishResponse { Port = port is null ? null : Port(port) };
    }

    private static PublishedPort Port(PublishedPortView view)
    {
        var port = new PublishedPort
        {
            Container = view.Container,
            HostAddress = view.Port.HostAddress?.ToString() ?? "*",
            HostPort = view.Port.HostPort,
            Protocol = view.Port.Protocol.Name(),
            ContainerPort = view.Port.ContainerPort,
            OpenToWorld = view.IsOpenToWorld,
        };
        port.Open.AddRange(view.Open.Select(door => new Api.OpenDoor { To = door.To, Why = door.Why, DeniedByPolicy = door.IsDenied }));
        return port;
    }
}
