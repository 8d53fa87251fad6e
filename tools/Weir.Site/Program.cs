// SPDX-License-Identifier: Apache-2.0
using Weir.Site;

if (args is not [string root, string output])
{
    Console.Error.WriteLine("usage: Weir.Site REPOSITORY FOLDER");
    return 2;
}

var site = new SiteBuilder(Path.GetFullPath(root));
if (!site.TryWrite(Path.GetFullPath(output)))
{
    foreach (string problem in site.Problems)
    {
        Console.Error.WriteLine(problem);
    }

    return 1;
}

Console.WriteLine($"{Path.Combine(output, "index.html")}: {site.Pages} pages");
return 0;
