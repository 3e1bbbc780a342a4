// Cases come as JSON on standard input; a verdict for each goes to standard output.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { readFileSync } from 'node:fs'

const require = createRequire(pathToFileURL(`${process.argv[2]}/`))
const { runSimulation } = await import(pathToFileURL(require.resolve('@cloud-copilot/iam-simulate')))
const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
const named = (policies) => Object.entries(policies).map(([name, policy]) => ({ name, policy }))
const verdicts = []
for (const one of JSON.parse(readFileSync(0, 'utf8'))) {
  const answer = await runSimulation({
    request: {
      principal: one.principal,
      action: one.action,
      resource: { resource: one.resource, accountId: one.account },
      contextVariables: one.context,
    },
    identityPolicies: named(one.identity),
    serviceControlPolicies: [{ orgIdentifier: 'o', policies: [{ name: 'all', policy: everything }] }],
    resourceControlPolicies: [],
    ...(one.resourcePolicy ? { resourcePolicy: one.resourcePolicy } : {}),
    ...(one.boundary ? { permissionBoundaryPolicies: [{ name: 'boundary', policy: one.boundary }] } : {}),
  }, {})
  verdicts.push(answer.resultType === 'error' ? `error ${JSON.stringify(answer.errors)}` : answer.overallResult)
}
process.stdout.write(JSON.stringify(verdicts))
