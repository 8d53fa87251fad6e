// SPDX-License-Identifier: Apache-2.0
namespace Weir.EndToEnd.Tests.RealClients;

/// <summary>What a client shows of requests that no rule allows.</summary>
/// <param name="Client">Its name.</param>
/// <param name="Ask">Asks, and returns what the client shows.</param>
/// <param name="Shows">What must be in that for each request.</param>
/// <param name="Says">What must be in it once; most show the answer's text.</param>
internal sealed record Refusal(string Client, Func<Lab, string> Ask, string Shows, string Says = "Access denied")
{
    /// <summary>A command in the client's network; {A} is the server's address.</summary>
    public Refusal(string client, string shows, string says, params string[] command)
        : this(client, lab => lab.Run(Way.Refused, command), shows, says)
    {
    }
}
