// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Compose files: networks, service names and Compose's own labels.</summary>
[Collection(SharedHost.Name)]
public sealed class ComposeTests(DockerHost host)
{
    [ComposeFact]
    public void ComposeFile_Works_AndItsServicesCanBeSelected()
    {
        File.WriteAllText(host.Sandbox.HostPath("/run/docker-compose.yml"), """
            version: "2.4"
            services:
              api:
                image: weir-busybox
                ports: ["8300:80"]
                networks: [default, back]
                command: sh -c "echo hello > /www/index.html; exec httpd -f -p 80 -h /www"
              web:
                container_name: shop_web_1
                image: weir-busybox
                command: sleep 600
              batch:
                container_name: shop_batch_1
                image: weir-busybox
                command: sleep 600
            networks:
              default:
                driver: weir
                ipam:
                  driver: weir
              back:
                driver: weir
                ipam:
                  driver: weir
            """);
        string[] compose = ["docker-compose", "-p", "shop", "-f", "/run/docker-compose.yml"];
        try
        {
            host.Sandbox.Run([.. compose, "up", "-d"]).OrFail();
            Wait.Until(
                () => host.Sandbox.Run(["busybox", "wget", "-qO-", "http://127.0.0.1:8300/"]).Succeeded, 6, () => $"the port leads nowhere: {host.Weir("service", "list").All}");
            host.Apply("compose.json", """
                [{"endpointSelector": {"matchLabels": {"com.docker.compose.service": "api"}},
                  "ingress": [{"fromEndpoints": [{"matchLabels": {"com.docker.compose.service": "web"}}]}]}]
                """);
            host.MustReach("shop_web_1", "api");
            host.MustNotReach("shop_batch_1", "api");
        }
        finally
        {
            host.DeletePolicies();
            host.Sandbox.Run([.. compose, "down", "-t", "0"]);
        }
    }
}
