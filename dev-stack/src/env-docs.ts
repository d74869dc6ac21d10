import { applyEnvironmentDocs, renderEnvironmentDocs } from './docs/environment-docs.ts';
import { findDeployables } from './docs/find-deployables.ts';
import { REPOSITORY } from './repository.ts';

// Writes env-vars.md and the example files from the schemas; with --check, only tells whether they are as generated.
const isCheck = process.argv.includes('--check');
const drifted = await applyEnvironmentDocs(renderEnvironmentDocs(await findDeployables(REPOSITORY)), { root: REPOSITORY, isCheck });

for (const path of drifted) console.log(`${isCheck ? 'not as generated' : 'written'}: ${path}`);
if (isCheck && drifted.length > 0) {
  console.error('Run: npm run gen');
  process.exitCode = 1;
}
