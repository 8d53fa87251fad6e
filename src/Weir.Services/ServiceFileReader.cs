// SPDX-License-Identifier: Apache-2.0
using Weir.Policy.Reading;
using Weir.Services.Reading;

namespace Weir.Services;

/// <summary>Reads files of services: YAML or JSON, a mapping with a list "services".</summary>
public static class ServiceFileReader
{
    /// <summary>Reads a text. Never throws for what is in it: all problems are in the result.</summary>
    public static ServiceReadResult Read(string fileName, string text)
    {
        ArgumentNullException.ThrowIfNull(fileName);
        ArgumentNullException.ThrowIfNull(text);
        var context = new ReadContext(fileName, 1);
        var services = new ServicesReader(context).Read(text);
        var problems = context.Problems.OrderBy(problem => problem.Location?.Line).ThenBy(problem => problem.Location?.Column);
        return new ServiceReadResult(context.HasErrors ? [] : services, [.. problems]);
    }
}
