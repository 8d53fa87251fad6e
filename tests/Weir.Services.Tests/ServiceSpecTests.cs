// SPDX-License-Identifier: Apache-2.0
using Weir.Policy;
using Xunit;

namespace Weir.Services.Tests;

public sealed class ServiceSpecTests
{
    [Fact]
    public void Validate_Published_MayHaveLoopbackAndItsName()
    {
        var spec = Spec("docker/web/8080/tcp", "127.0.0.1:8080", "203.0.113.1:8080");

        Assert.Empty(spec.Validate(published: true));
        Assert.Equal(2, spec.Validate().Count);
    }

    [Fact]
    public void Validate_BuiltInCode_FindsWhatNoTextCouldHave()
    {
        var spec = Spec("a", "203.0.113.1:80") with
        {
            Backends = [new BackendSpec(BackendAddress.Parse("10.0.0.1:80"), 101)],
            AffinitySeconds = -1,
            HealthCheck = new HealthCheck(HealthCheckKind.Http) { Path = "/\r\n", Rise = 0 },
        };

        string[] messages = [.. spec.Validate().Select(problem => problem.Message)];

        Assert.Equal(3, messages.Length);
        Assert.Contains("weight 101", messages[0], StringComparison.Ordinal);
        Assert.Contains("affinity", messages[1], StringComparison.Ordinal);
        Assert.Contains("out of range", messages[2], StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_EmptySelector_WouldSelectAll()
    {
        var spec = Spec("a", "203.0.113.1:80") with { Backends = [], Selector = EndpointSelector.Everything, TargetPort = 80 };

        Assert.Contains("would select every container", Assert.Single(spec.Validate()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a", true)]
    [InlineData("shop.v2_x-1/y", true)]
    [InlineData("", false)]
    [InlineData("a/", false)]
    [InlineData(".a", false)]
    [InlineData("a b", false)]
    [InlineData("ä", false)]
    public void Validate_Name(string name, bool good) => Assert.Equal(good, Spec(name, "203.0.113.1:80").Validate().Count == 0);

    [Fact]
    public void ValidateAll_SameFrontend_NamesBoth()
    {
        var problems = ServiceSpec.ValidateAll([Spec("a", "203.0.113.1:80"), Spec("b", "203.0.113.1:80"), Spec("c", "203.0.113.1:80/udp")]);

        Assert.Equal("frontend 203.0.113.1:80/tcp of service \"b\" belongs to service \"a\" already", Assert.Single(problems).Message);
    }

    private static ServiceSpec Spec(string name, params string[] frontends) => new()
    {
        Name = name,
        Frontends = [.. frontends.Select(Frontend.Parse)],
        Backends = [BackendSpec.Parse("10.0.0.1:8080")],
    };
}
