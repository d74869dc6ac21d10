console.error('The flux capacitor is empty. Fill it.');
process.exitCode = 3;
